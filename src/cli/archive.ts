import { type ArchiveOptions, archiveMedia } from '../archive.js'
import { InvalidOptionError, WhatsAppMediaError } from '../errors.js'
import { defined } from '../json.js'
import { parseTime } from '../media-reference/parse-time.js'
import { checkMediaId, checkMediaType } from '../media-reference.js'
import { parseAccount, parseCloudApi } from './accounts.js'
import { type CommandContext, EXIT, toOneLine } from './command.js'
import { type Flags, getText } from './flags.js'
import { openStorage } from './open-storage.js'

/**
 * `archive <mediaId…>`: archives media of one account by their ids, and prints the key and the size (bytes) of each, with
 * a tab between. A failure is reported on `stderr`, and the other media go on.
 *
 * @returns the exit code.
 * @throws InvalidOptionError before the first request.
 */
export async function runArchive(mediaIds: readonly string[], flags: Flags, context: CommandContext): Promise<number> {
  const { env, stdout, stderr, interrupts } = context
  const account = parseAccount(flags, env)
  const media = parseMediaOptions(mediaIds, flags)
  const { storage, keys } = openStorage(flags, { env: env, use: 'written' })
  const options = { ...account, ...media, ...keys, ...parseCloudApi(flags, env), storage, signal: interrupts.stop }
  if (media.mediaType === undefined || media.timestamp === undefined) {
    stderr.write(
      'Without --type and --timestamp the key depends on the look-up and on the date: tomorrow it is another.\n',
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

type MediaOptions = Pick<ArchiveOptions, 'mediaType' | 'timestamp' | 'filename'>

function parseMediaOptions(mediaIds: readonly string[], flags: Flags): MediaOptions {
  for (const mediaId of mediaIds) checkMediaId(mediaId)
  const [mediaType, timestamp, filename] = ['type', 'timestamp', 'filename'].map((name) => getText(flags, name))
  if (mediaType !== undefined) checkMediaType(mediaType, '--type')
  if (timestamp !== undefined) parseTime('--timestamp', timestamp)
  if (filename !== undefined && mediaIds.length > 1) {
    const problem = `goes with one media id, and here are ${mediaIds.length}`
    throw new InvalidOptionError({ option: '--filename', problem })
  }
  return defined({ mediaType, timestamp, filename })
}
