import { stat } from 'node:fs/promises'
import { InvalidOptionError, WhatsAppMediaError } from '../errors.js'
import type { MediaEvent } from '../events.js'
import { getDefaultHttpClient } from '../http/node.js'
import { defined } from '../json.js'
import { type ArchiveMedia, createMediaArchive } from '../media-archive.js'
import { createFileMediaIds } from '../media-ids/file.js'
import { checkMediaType } from '../media-reference.js'
import type { MessageParts } from '../sending/check-message.js'
import { parseAccount, parseCloudApi } from './accounts.js'
import { type CommandContext, decideExitCode, EXIT, toOneLine } from './command.js'
import { refusePath } from './file-faults.js'
import { type Flags, getNeededText, getText, toDashed } from './flags.js'
import { openStorage } from './open-storage.js'
import { guardPost, type PostGuard } from './send/guard-post.js'
import { readRecipient } from './send/read-recipient.js'
import { showTransfers } from './send/show-transfers.js'

export { RECIPIENT_VARIABLE } from './send/read-recipient.js'

/** The exit code when it is not known whether the message was sent: a script must not take it for a failure. */
export const MAY_BE_SENT = 3

const LOOK_FIRST = 'Do not send it again blindly: look in the chat first.'

/**
 * `send <file>`: stores a file of this machine, or takes a stored object with `--key`, and sends it to one recipient.
 * Prints the object's key and Meta's id of the message, with a tab between.
 *
 * The first Ctrl-C ends what is under way. Once Meta may have the message, it waits for the answer, and the second one ends
 * that.
 *
 * @returns the exit code.
 * @throws InvalidOptionError before the first request.
 */
export async function runSend(file: string, flags: Flags, context: CommandContext): Promise<number> {
  const { env, stdout, stderr, interrupts } = context
  const account = parseAccount(flags, env)
  const phoneNumberId = getNeededText(flags, 'phoneNumberId')
  const directory = getText(flags, 'mediaIds')
  const isKey = flags['key'] === true
  const content = isKey ? parseStored(file, flags) : await parseLocal(file, flags)
  const { http = getDefaultHttpClient(), cloudApi } = parseCloudApi(flags, env)
  const guard = guardPost(http, interrupts)
  try {
    const { recipient, option } = await readRecipient(flags, context)
    const { storage, keys } = openStorage(flags, { env, use: isKey ? 'listed' : 'written' })
    const archive = createMediaArchive({
      storage: showTransfers(storage, stderr),
      accounts: () => account,
      onEvent: (event) => reportEvent(event, guard, context),
      ...{ ...keys, cloudApi, http: guard.http },
      ...defined({ mediaIds: directory === undefined ? undefined : createFileMediaIds({ directory }) }),
    })
    const message = { ...recipient, ...content }
    const sent = await archive
      .send(message, { phoneNumberId, signal: guard.signal })
      .catch((error: unknown) => rethrowAsTyped(error, option))
      .finally(() => archive.close())
    stdout.write(`${sent.key}\t${sent.messageId}\n`)
    return EXIT.done
  } catch (error) {
    return reportFailure(error, guard, context)
  }
}

type Content = MessageParts & { media: ArchiveMedia }

function parseStored(key: string, flags: Flags): Content {
  const { filename, mimeType, mediaType, ...parts } = parseParts(flags)
  return { media: { key, ...defined({ mimeType, mediaType }) }, ...parts, ...defined({ filename }) }
}

/** @throws InvalidOptionError for a file that is not there. */
async function parseLocal(path: string, flags: Flags): Promise<Content> {
  const { filename, mimeType, mediaType, ...parts } = parseParts(flags)
  const found = await stat(path).catch(refusePath({ option: '<file>', path, use: 'read' }))
  if (!found.isFile())
    throw new InvalidOptionError({ option: '<file>', problem: 'must be a file, no folder or device' })
  return { media: { path, ...defined({ mimeType, filename, mediaType }) }, ...parts }
}

function parseParts(flags: Flags): Omit<MessageParts, 'callbackData'> & Pick<ArchiveMedia, 'mediaType'> & MimeType {
  const names = ['caption', 'filename', 'replyTo', 'mime', 'type'] as const
  const [caption, filename, replyTo, mimeType, mediaType] = names.map((name) => getText(flags, name))
  if (mediaType !== undefined) checkMediaType(mediaType, '--type')
  const voice = flags['voice'] === true ? true : undefined
  return defined({ caption, filename, replyTo, mimeType, mediaType, voice })
}

interface MimeType {
  mimeType?: string | undefined
}

/** The options of a message that have another name on the command line; the others are dashed. */
const TYPED_NAMES: Readonly<Record<string, string>> = {
  'message.media.path': '<file>',
  'message.media.mimeType': '--mime',
  key: '--key',
  phoneNumberId: '--phone-number-id',
}

/** Names the option of the library as it was typed. */
function rethrowAsTyped(error: unknown, recipient: string): never {
  if (!WhatsAppMediaError.is(error) || error.code !== 'invalid-option') throw error
  const part = error.option.replace(/^message\./, '')
  const isRecipient = part === 'to' || part === 'recipient' || part === 'group'
  const typed = isRecipient ? recipient : (TYPED_NAMES[error.option] ?? toDashed(part))
  throw new InvalidOptionError({ option: typed, problem: error.message.slice(error.option.length + 1) })
}

/** Tells of what would make a wait or a second upload look like a fault of this command. */
function reportEvent(event: MediaEvent, guard: PostGuard, { stderr }: CommandContext): void {
  const tell = (text: string): void => void stderr.write(`${toOneLine(text)}\n`)
  if (event.type === 'media-ids-failed') tell(`--media-ids: ${event.error.message}`)
  if (event.type !== 'attempt-failed' || event.retryInMs === undefined) return
  guard.settle()
  const { error, retryInMs } = event
  tell(`${error.code}: ${error.message}; again in ${(retryInMs / 1_000).toFixed(1)} s`)
}

function reportFailure(error: unknown, guard: PostGuard, { stderr }: CommandContext): number {
  if (guard.signal.aborted) {
    stderr.write(
      guard.isPosted() ? `Stopped. The message may be sent or not. ${LOOK_FIRST}\n` : 'Stopped. No message was sent.\n',
    )
    return EXIT.interrupted
  }
  if (!WhatsAppMediaError.is(error) || error.code === 'invalid-option') throw error
  stderr.write(`${toOneLine(`${error.code}: ${error.message}`)}\n`)
  if (error.code !== 'send-outcome-unknown') return decideExitCode(error)
  stderr.write(`${LOOK_FIRST}\n`)
  return MAY_BE_SENT
}
