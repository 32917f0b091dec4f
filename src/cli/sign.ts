import { checkOneOf } from '../errors/checks.js'
import { InvalidOptionError } from '../errors.js'
import { defined } from '../json.js'
import { getSignedUrl, type SigningOptions } from '../signed-url.js'
import { type CommandContext, EXIT } from './command.js'
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
  const disposition = getText(flags, 'disposition')
  if (disposition !== undefined) checkOneOf('--disposition', disposition, ['inline', 'attachment'])
  const { storage, keys } = openStorage(flags, { env: context.env, use: 'listed' })
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
    ...defined({ expiresIn, filename, disposition }),
  }
  try {
    context.stdout.write(`${await getSignedUrl(key, options)}\n`)
    return EXIT.done
  } finally {
    await storage.close?.()
  }
}
