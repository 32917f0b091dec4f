import { describeValue } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { getSignedUrl, type SigningOptions } from '../signed-url.js'
import type { CommandContext } from './command.js'
import { EXIT } from './command.js'
import { type Flags, getNeededText, getText, parseCount } from './flags.js'
import { openStorage } from './open-storage.js'

/** AWS: the longest life of a signature version 4 URL, in seconds. */
const LONGEST_SECONDS = 604_800

/**
 * `sign <key>`: prints a URL that reads one object of the account for a while, and nothing else.
 *
 * @returns the exit code.
 * @throws InvalidOptionError, WrongAccountError when the key is another account's, StorageFailedError.
 */
export async function runSign(key: string, flags: Flags, context: CommandContext): Promise<number> {
  const accountId = getNeededText(flags, 'account')
  const expiresIn = parseCount(flags, 'expires', { most: LONGEST_SECONDS })
  const filename = getText(flags, 'filename')
  const disposition = dispositionOf(flags)
  const { storage, keys } = openStorage(flags, context.env)
  if (storage.signedUrl === undefined) {
    throw new InvalidOptionError({
      option: '--directory',
      problem: 'signs URLs only with --public-endpoint and WHATSAPP_MEDIA_URL_SECRET',
    })
  }
  const options: SigningOptions = {
    storage,
    accountId,
    ...keys,
    ...(expiresIn === undefined ? {} : { expiresIn }),
    ...(filename === undefined ? {} : { filename }),
    ...(disposition === undefined ? {} : { disposition }),
  }
  try {
    context.stdout.write(`${await getSignedUrl(key, options)}\n`)
    return EXIT.done
  } finally {
    await storage.close?.()
  }
}

function dispositionOf(flags: Flags): SigningOptions['disposition'] {
  const disposition = getText(flags, 'disposition')
  if (disposition === undefined || disposition === 'inline' || disposition === 'attachment') return disposition
  throw new InvalidOptionError({
    option: '--disposition',
    problem: `must be inline or attachment, got ${describeValue(disposition)}`,
  })
}
