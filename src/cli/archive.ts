import { type ArchiveOptions, archiveMedia } from '../archive.js'
import { describeValue } from '../errors/describe.js'
import { InvalidOptionError, WhatsAppMediaError } from '../errors.js'
import { checkMediaId, isMediaType, parseTime } from '../media-reference.js'
import { parseAccount, parseCloudApi } from './accounts.js'
import { type CommandContext, EXIT, toOneLine } from './command.js'
import { type Flags, getText } from './flags.js'
import { openStorage } from './open-storage.js'

/**
 * `archive <mediaId…>`: archives media of one account by their ids, and prints the key and the size (bytes) of each, with
 * a tab between. What fails is told on `stderr`, and stops nothing else.
 *
 * @returns the exit code.
 * @throws InvalidOptionError, before anything is asked for.
 */
export async function runArchive(mediaIds: readonly string[], flags: Flags, context: CommandContext): Promise<number> {
  const { env, stdout, stderr, interrupts } = context
  const account = parseAccount(flags, env)
  const facts = factsOf(mediaIds, flags)
  const { storage, keys } = openStorage(flags, env)
  const options = { ...account, ...facts, ...keys, ...parseCloudApi(flags), storage, signal: interrupts.stop }
  if (facts.mediaType === undefined || facts.timestamp === undefined) {
    stderr.write(
      'Without --type and --timestamp the key depends on the look-up and on today: tomorrow it is another.\n',
    )
  }
  let failed = 0
  try {
    for (const mediaId of mediaIds) {
      try {
        const { key, size } = await archiveMedia(mediaId, options)
        stdout.write(`${key}\t${size}\n`)
      } catch (error) {
        if (interrupts.stop.aborted) return EXIT.interrupted
        if (!WhatsAppMediaError.is(error) || error.code === 'invalid-option') throw error
        failed++
        stderr.write(`${toOneLine(`${mediaId}: ${error.code}: ${error.message}`)}\n`)
      }
    }
    return failed === 0 ? EXIT.done : EXIT.incomplete
  } finally {
    await storage.close?.()
  }
}

function factsOf(
  mediaIds: readonly string[],
  flags: Flags,
): Pick<ArchiveOptions, 'mediaType' | 'timestamp' | 'filename'> {
  for (const mediaId of mediaIds) checkMediaId(mediaId)
  const [mediaType, timestamp, filename] = ['type', 'timestamp', 'filename'].map((name) => getText(flags, name))
  if (mediaType !== undefined && !isMediaType(mediaType)) {
    const types = 'image, video, audio, document or sticker'
    throw new InvalidOptionError({ option: '--type', problem: `must be ${types}, got ${describeValue(mediaType)}` })
  }
  if (timestamp !== undefined) parseTime('--timestamp', timestamp)
  if (filename !== undefined && mediaIds.length > 1) {
    throw new InvalidOptionError({
      option: '--filename',
      problem: `goes with one media id, and here are ${mediaIds.length}`,
    })
  }
  return {
    ...(mediaType === undefined ? {} : { mediaType }),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(filename === undefined ? {} : { filename }),
  }
}
