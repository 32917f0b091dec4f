import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkMilliseconds } from '../errors/checks.js'

/** Options of everything that closes. */
export interface ClosingOptions {
  /** How long work under way may take to end, in milliseconds; 0 stops it at once. */
  timeoutMs?: number | undefined
}

const CLOSING_OPTIONS: OptionNames<ClosingOptions> = { timeoutMs: true }

/**
 * @param otherwise the default, in milliseconds.
 * @returns milliseconds, from 0 to `Infinity`. @throws InvalidOptionError for a `timeoutMs` that is no time.
 */
export function checkClosing(given: ClosingOptions = {}, otherwise: number = Number.POSITIVE_INFINITY): number {
  checkOptions(given, CLOSING_OPTIONS)
  const { timeoutMs = otherwise } = given
  if (timeoutMs !== 0) checkMilliseconds('timeoutMs', timeoutMs)
  return timeoutMs
}
