import { cleanServerText } from '../errors/redaction.js'
import { isError, readTextField, toError } from '../errors/thrown.js'

/** A failure's line in the log. */
export interface FailureNote {
  /** What happened, and what to do. */
  told: string
  error: unknown
}

/** A flood of one fault must not fill a disk. */
const QUIET_MS = 60_000

/**
 * A log for failures that nobody listens for: `console.error`, once a minute for each kind. The next line counts those
 * in between.
 */
export function createFailureLog(): (kind: string, note: FailureNote) => void {
  const written = new Map<string, { at: number; hidden: number }>()
  return (kind, { told, error }) => {
    const last = written.get(kind)
    const now = performance.now()
    if (last !== undefined && now - last.at < QUIET_MS) {
      last.hidden += 1
      return
    }
    written.set(kind, { at: now, hidden: 0 })
    const more = last === undefined || last.hidden === 0 ? '' : ` (and ${last.hidden} times since the line before)`
    // biome-ignore lint/suspicious/noConsole: without a listener there is no other place for a failure
    console.error(`whatsapp-media-archive: ${told}${more}\n  ${describeCallbackFault(error)}`)
  }
}

/** The error's class, its message without secrets and personal values, and the line of code that threw it. */
function describeCallbackFault(error: unknown): string {
  if (!isError(error)) return toError(error).message
  const place = /^\s+at .*$/m.exec(readTextField(error, 'stack'))?.[0].trim()
  const name = readTextField(error, 'name') || 'Error'
  return [`${cleanServerText(name)}: ${cleanServerText(readTextField(error, 'message'))}`, place]
    .filter((line) => line !== undefined)
    .join('\n    ')
}
