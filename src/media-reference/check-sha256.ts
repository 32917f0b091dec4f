import { describeValue } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'

/** @throws InvalidOptionError unless it is 64 lowercase hex digits. */
export function checkSha256(value: unknown, option = 'sha256'): asserts value is string {
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return
  throw new InvalidOptionError({ option, problem: `must be 64 lowercase hex digits, got ${describeValue(value)}` })
}
