import { MAX_SERVER_TEXT } from './redaction.js'
import { readTextField } from './thrown.js'

/** Faults of the machine, which pass. */
const PASSING_SYSTEM_CODES = /^E(?:MFILE|NFILE|NOMEM|AGAIN|INTR|IO|BUSY)$/

/** Whether an error tells of a fault of the machine, which passes. Node 24 speaks of open files in its message alone. */
export function isPassingFault(error: unknown): boolean {
  const message = readTextField(error, 'message').slice(0, MAX_SERVER_TEXT)
  return PASSING_SYSTEM_CODES.test(readTextField(error, 'code')) || message.includes('too many open files')
}
