import { addAbortSignal } from 'node:stream'
import { InvalidOptionError } from '../../errors.js'
import type { MessageRecipient } from '../../sending/check-message.js'
import type { CommandContext } from '../command.js'
import { type Flags, getText, STDIN } from '../flags.js'

/** The variable that stands for `--to`, for a number that neither `ps` nor the shell's history may show. */
export const RECIPIENT_VARIABLE = 'WHATSAPP_TO'

/** To whom the command sends, and where that was typed. */
export interface TypedRecipient {
  recipient: MessageRecipient
  /** `--to`, or the variable. */
  option: string
}

const RECIPIENTS: Readonly<Record<string, (text: string) => MessageRecipient>> = {
  to: (to) => ({ to }),
  recipient: (recipient) => ({ recipient }),
  group: (group) => ({ group }),
}

/**
 * Reads who gets the message: of `--to`, `--recipient` or `--group`, of the first line of standard input where the option
 * is `-`, or of the environment where none is given.
 *
 * @throws InvalidOptionError for none and for two, and for an empty line; the signal's reason.
 */
export async function readRecipient(flags: Flags, { env, stdin, interrupts }: CommandContext): Promise<TypedRecipient> {
  const variable = env[RECIPIENT_VARIABLE]?.trim() ?? ''
  const given = Object.entries(RECIPIENTS).flatMap(([name, build]) => {
    const text = getText(flags, name)
    return text === undefined ? [] : [{ option: `--${name}`, text, build }]
  })
  const [first, second] = given
  if (second !== undefined) {
    const problem = 'or --recipient or --group must be there alone, got two'
    throw new InvalidOptionError({ option: '--to', problem })
  }
  if (first === undefined) {
    if (variable !== '') return { recipient: { to: variable }, option: RECIPIENT_VARIABLE }
    const problem = `is needed (or ${RECIPIENT_VARIABLE}), or --recipient or --group`
    throw new InvalidOptionError({ option: '--to', problem })
  }
  const { option, text, build } = first
  if (text !== STDIN) return { recipient: build(text), option }
  const line = await readFirstLine(addAbortSignal(interrupts.stop, stdin))
  if (line !== '') return { recipient: build(line), option }
  throw new InvalidOptionError({ option, problem: 'must be the first line of standard input, which is empty' })
}

/** More than any recipient has. */
const MOST_CHARACTERS = 1_024

async function readFirstLine(source: AsyncIterable<Uint8Array>): Promise<string> {
  let text = ''
  for await (const piece of source) {
    text += Buffer.from(piece).toString('latin1')
    if (text.includes('\n') || text.length > MOST_CHARACTERS) break
  }
  const [line = ''] = text.split('\n')
  return line.trim()
}
