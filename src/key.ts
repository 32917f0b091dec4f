import { createHash, randomUUID } from 'node:crypto'
import { checkOptions, type OptionNames } from './errors/check-options.js'
import { checkMethods, checkText } from './errors/checks.js'
import { describeValue } from './errors/describe.js'
import { InvalidOptionError, WrongAccountError } from './errors.js'
import { findSafeExtension } from './file-type/filename.js'
import { findExtension } from './file-type/mime.js'
import { parseTime } from './media-reference/parse-time.js'
import { checkMediaId, checkMediaType, isMediaType, type MediaType } from './media-reference.js'
import { checkObjectKey } from './storage.js'

/** The parts of a key. */
export interface MediaKeyParts {
  /** The tenant: `/^[A-Za-z0-9_-]{1,128}$/`. Never cleaned, only refused. */
  accountId: string
  /** WhatsApp's kind of media. */
  mediaType: MediaType
  /** As declared by WhatsApp; parameters are ignored. */
  mimeType: string
  /** Meta's media id. Without one the key gets a random UUID, and is not stable. */
  mediaId?: string | undefined
  /** When the message was sent, as ISO 8601 string or Date. Without one the key gets today's date, and is not stable. */
  timestamp?: string | Date | undefined
  /** Only its extension is looked at, and only when the MIME type is unknown. */
  filename?: string | undefined
}

/** The parts that a key shows. */
export interface ParsedMediaKey {
  /** The tenant. */
  accountId: string
  /** `YYYY-MM-DD`, UTC. */
  date: string
  /** WhatsApp's kind of media. */
  mediaType: MediaType
  /** Version 5 of the media id; version 4 for uploads without one. */
  uuid: string
  /** Without dot. */
  extension: string
}

/** A custom layout. `parse(build(parts)).accountId` must be `parts.accountId`, and `build` must not depend on anything else. */
export interface KeyLayout {
  /** The key for these parts: at most 1,024 bytes of letters, digits and `!-_.*'()/`. */
  build(parts: MediaKeyParts): string
  /** Throws when the key is not of this layout. */
  parse(key: string): {
    /** The account whose key it is. */
    accountId: string
    /** The file's extension, without a dot. */
    extension?: string | undefined
  }
}

const KEY_PARTS: OptionNames<MediaKeyParts> = {
  ...{ accountId: true, mediaType: true, mimeType: true, mediaId: true, timestamp: true, filename: true },
}

const KEY_OPTIONS: OptionNames<Parameters<typeof buildMediaKey>[1] & object> = { prefix: true }

const DEFAULT_PREFIX = 'whatsapp-media/'

/**
 * The namespace of the version 5 UUIDs (RFC 9562) in keys: itself version 5 of this package's page on npm, in the URL
 * namespace. Fixed for good: another one would store everything again.
 */
export const MEDIA_ID_NAMESPACE = '5ef5e495-9ea6-59d7-91c6-d39ba4699239'

const ACCOUNT_ID = /^[A-Za-z0-9_-]{1,128}$/

/**
 * The key of a media object: `{prefix}{accountId}/{YYYY-MM-DD}/{mediaType}/{uuid}.{ext}`. The same parts give the same
 * key on every machine, today and tomorrow; the sender's file name is never in it.
 *
 * - date: of `timestamp`, in UTC
 * - uuid: version 5 of `mediaId` in `MEDIA_ID_NAMESPACE`; version 4 without a media id
 * - ext: of the declared MIME type; if that is unknown, the file name's safe extension; else `bin`
 *
 * @throws InvalidOptionError for an account id, media type, media id, timestamp or prefix of the wrong form.
 * @example
 * ```ts
 * import { buildMediaKey } from 'whatsapp-media-archive'
 *
 * const key = buildMediaKey({
 *   accountId: 'acme',
 *   mediaType: 'image',
 *   mimeType: 'image/jpeg',
 *   mediaId: '1013859600285441',
 *   timestamp: '2026-11-22T10:00:00Z',
 * })
 * console.log(key) // whatsapp-media/acme/2026-11-22/image/….jpg
 * ```
 */
export function buildMediaKey(
  parts: MediaKeyParts,
  options: {
    /** The part before the account id. Default `whatsapp-media/`; empty is allowed. */
    prefix?: string | undefined
  } = {},
): string {
  checkOptions(parts, KEY_PARTS, { option: 'parts', isOpen: true })
  checkOptions(options, KEY_OPTIONS, { after: { parts } })
  const { accountId, mediaType, mimeType, mediaId, timestamp, filename } = parts
  checkAccountId(accountId)
  checkMediaType(mediaType)
  checkText('mimeType', mimeType)
  const date = toUtcDay(timestamp)
  const uuid = mediaId === undefined ? randomUUID() : buildMediaUuid(mediaId)
  const extension =
    findExtension(mimeType) ?? (filename === undefined ? undefined : findSafeExtension(filename)) ?? 'bin'
  return checkMediaKey(`${checkPrefix(options)}${accountId}/${date}/${mediaType}/${uuid}.${extension}`)
}

const KEY_PATTERN =
  /^([A-Za-z0-9_-]{1,128})\/(\d{4}-\d{2}-\d{2})\/(image|video|audio|document|sticker)\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([a-z0-9]{1,16})$/

/**
 * Reads a key made by `buildMediaKey` with the same prefix.
 *
 * @throws InvalidOptionError when it is anything else.
 */
export function parseMediaKey(
  key: string,
  options: {
    /** The part before the account id. Default `whatsapp-media/`; empty is allowed. */
    prefix?: string | undefined
  } = {},
): ParsedMediaKey {
  checkOptions(options, KEY_OPTIONS)
  const prefix = checkPrefix(options)
  const rest = typeof key === 'string' && key.startsWith(prefix) ? KEY_PATTERN.exec(key.slice(prefix.length)) : null
  const [, accountId, date, mediaType, uuid, extension] = rest ?? []
  if (
    accountId === undefined ||
    date === undefined ||
    uuid === undefined ||
    extension === undefined ||
    !isMediaType(mediaType)
  ) {
    const problem = `is not a media key below '${prefix}': got ${describeValue(key)}`
    throw new InvalidOptionError({ option: 'key', problem })
  }
  return { accountId, date, mediaType, uuid, extension }
}

/**
 * Reads a key of the layout in use, for the account that asks.
 *
 * @throws WrongAccountError when it is another account's; InvalidOptionError when it is no such key.
 */
export function parseOwnKey(
  key: string,
  { accountId, ...layout }: { accountId: string; prefix?: string | undefined; keyLayout?: KeyLayout | undefined },
): ReturnType<KeyLayout['parse']> {
  const parsed = resolveKeyLayout(layout).parse(key)
  if (parsed.accountId !== accountId) throw new WrongAccountError({ accountId })
  return parsed
}

/** The layout in use: the caller's own, guarded, or the default with `prefix`. */
export function resolveKeyLayout(
  options: { prefix?: string | undefined; keyLayout?: KeyLayout | undefined } = {},
): KeyLayout {
  const { keyLayout } = options
  if (keyLayout === undefined) {
    const prefix = checkPrefix(options)
    return {
      build: (parts) => buildMediaKey(parts, { prefix }),
      parse: (key) => parseMediaKey(key, { prefix }),
    }
  }
  checkMethods('keyLayout', keyLayout, { kind: 'a KeyLayout', methods: ['build', 'parse'] })
  return {
    build(parts) {
      checkAccountId(parts.accountId)
      const key = checkMediaKey(keyLayout.build(parts))
      // A layout of your own can mix up tenants or forget to be deterministic; both would lose or leak media.
      if (parts.mediaId !== undefined && parts.timestamp !== undefined && keyLayout.build(parts) !== key) {
        throw new InvalidOptionError({ option: 'keyLayout', problem: 'must build the same key from the same parts' })
      }
      if (keyLayout.parse(key).accountId !== parts.accountId) {
        throw new InvalidOptionError({
          option: 'keyLayout',
          problem: `must parse its own key back to account ${parts.accountId}`,
        })
      }
      return key
    },
    // A key that such a layout can't have built is refused: `acme/../other` begins like a key of acme's.
    parse: (key) => keyLayout.parse(checkMediaKey(key)),
  }
}

/** @throws InvalidOptionError unless it is a safe, non-empty account id. */
export function checkAccountId(accountId: string, option = 'accountId'): void {
  if (typeof accountId !== 'string' || !ACCOUNT_ID.test(accountId)) {
    throw new InvalidOptionError({ option, problem: `must match ${ACCOUNT_ID}, got ${describeValue(accountId)}` })
  }
}

/** @throws InvalidOptionError unless the prefix is empty or made of safe segments that end in a slash. */
export function checkPrefix({ prefix = DEFAULT_PREFIX }: { prefix?: string | undefined }): string {
  if (typeof prefix !== 'string' || !/^(?:(?!\.{1,2}\/)[\w.-]+\/)*$/.test(prefix)) {
    throw new InvalidOptionError({
      option: 'prefix',
      problem: `must be empty or safe segments ending in '/', got ${describeValue(prefix)}`,
    })
  }
  return prefix
}

/** The rule of all object keys, and narrower: no character that browsers and stores read differently. */
function checkMediaKey(key: string): string {
  if (typeof key !== 'string' || key.startsWith('/') || !/^[\w!.*'()/-]+$/.test(key)) {
    const problem = `must be made of letters, digits and !-_.*'()/, got ${describeValue(key)}`
    throw new InvalidOptionError({ option: 'key', problem })
  }
  return checkObjectKey(key)
}

function toUtcDay(timestamp: string | Date | undefined): string {
  const date = timestamp === undefined ? new Date() : parseTime('timestamp', timestamp)
  return date.toISOString().slice(0, 10)
}

const NAMESPACE_BYTES = Buffer.from(MEDIA_ID_NAMESPACE.replaceAll('-', ''), 'hex')

/** RFC 9562, version 5: SHA-1 of namespace and name. */
function buildMediaUuid(mediaId: string): string {
  checkMediaId(mediaId)
  const hash = createHash('sha1').update(NAMESPACE_BYTES).update(mediaId)
  const bytes = hash.digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
