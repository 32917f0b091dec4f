import { WhatsAppMediaError } from '../errors.js'
import { cleanServerText, cleanWords } from './redaction.js'
import { isError, readTextField, reduceToName, toError } from './thrown.js'

/** A failure's line in the log. */
export interface FailureNote {
  /** What happened, and what to do. */
  told: string
  error: unknown
  /** The account that it befell, where the next line is to count the others. */
  accountId?: string | undefined
}

/** A flood of one fault must not fill a disk. */
const QUIET_MS = 60_000

/** The last line of a kind, and what was left out since. */
interface WrittenLine {
  at: number
  accountId: string | undefined
  times: number
  otherAccounts: Set<string>
}

/**
 * A log for failures that nobody listens for: `console.error`, once a minute for each kind. The next line counts those
 * in between. It shows the name and code of an error of your app's own, and where it was thrown: its message may quote
 * anything. The advice in `told` says who hears the whole error.
 */
export function createFailureLog(): (kind: string, note: FailureNote) => void {
  const written = new Map<string, WrittenLine>()
  return (kind, { told, error, accountId }) => {
    const last = written.get(kind)
    const now = performance.now()
    if (last !== undefined && now - last.at < QUIET_MS) {
      last.times += 1
      if (accountId !== undefined && accountId !== last.accountId) last.otherAccounts.add(accountId)
      return
    }
    written.set(kind, { at: now, accountId, times: 0, otherAccounts: new Set() })
    // biome-ignore lint/suspicious/noConsole: without a listener there is no other place for a failure
    console.error(`whatsapp-media-archive: ${told}${describeLeftOut(last)}\n  ${describeUnheard(error)}`)
  }
}

function describeLeftOut(last: WrittenLine | undefined): string {
  if (last === undefined || last.times === 0) return ''
  const { size } = last.otherAccounts
  const times = last.times === 1 ? 'once more' : `${last.times} times`
  const count = size === 0 ? times : `${size} more ${size === 1 ? 'account' : 'accounts'}`
  return ` (and ${count} since the line before)`
}

/** An error's class and code, the message of this library's own, and the line of code that threw it. */
function describeUnheard(error: unknown): string {
  if (!isError(error)) return toError(error).message
  const place = findPlace(error)
  return `${describeError(error)}${place === undefined ? '' : `\n    ${place}`}`
}

function describeError(error: Error): string {
  if (WhatsAppMediaError.is(error)) return `${error.name}: ${cleanWords(error.message)}`
  const known = reduceToName(error)
  const code = readTextField(known, 'code')
  return code === '' ? known.name : `${known.name} (${code})`
}

const FRAME = /^ {4}(at .{1,400}:\d{1,7}:\d{1,7}\)?)$/m

/** The first frame of the stack. The message stands before it, and may have lines that look like one. */
function findPlace(error: Error): string | undefined {
  const stack = readTextField(error, 'stack')
  const message = readTextField(error, 'message')
  const at = stack.indexOf(message)
  // A message that was changed later is not the one that the stack begins with.
  const frame = at < 0 ? undefined : FRAME.exec(stack.slice(at + message.length))?.[1]
  return frame === undefined ? undefined : cleanServerText(frame)
}
