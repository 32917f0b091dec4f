import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkOneOf, checkText, checkWhole } from '../errors/checks.js'
import { describeSecret } from '../errors/describe.js'
import { InvalidOptionError, OutboundTypeError, StorageFailedError } from '../errors.js'
import { defined } from '../json.js'
import { checkMediaId, checkMediaType, type MediaType } from '../media-reference.js'
import { signUrl } from '../signed-url.js'
import { MAX_EXPIRES_IN, type StoredObject } from '../storage.js'
import { isForbidden, wrapStorage } from '../upload/storage-errors.js'
import type { WhatsAppUploadOptions } from './attempt-upload.js'
import { runTimed, type SendingPlan } from './call-graph.js'
import { type BodySource, decideStoredType, readSource, type StoredSource } from './open-source.js'
import { checkOutboundSize, findOutboundFormat, type OutboundFormat } from './outbound-limits.js'
import { runWithUpload } from './run-with-upload.js'

/** Media that Meta holds for this phone number. */
export interface MediaById {
  /** As an upload returned it. */
  mediaId: string
  /** How it is shown. */
  mediaType: MediaType
}

/** Media that Meta fetches itself. */
export interface MediaByLink {
  /** An http(s) URL that answers without a redirect and a login, with Content-Type and Content-Length. */
  link: string
  /** How it is shown. */
  mediaType: MediaType
}

/** A file that is uploaded first. */
export type UploadedFirst = (StoredSource | BodySource) & {
  /** How it is shown: `document` for any file, else by MIME type. Default: by MIME type; WebP is a sticker. */
  mediaType?: MediaType | undefined
}

/** An object of a storage that Meta fetches itself, by a signed URL. */
export interface StoredLink extends StoredSource {
  /** The storage signs a URL, and nothing is uploaded. */
  by: 'link'
  /** As for a file that is uploaded first. */
  mediaType?: MediaType | undefined
  /** Seconds that the URL works, 600 to 604,800: Meta may come late. Default 3,600. */
  expiresIn?: number | undefined
}

/** What a message sends: an id of Meta's, a link, or a file. */
export type MessageMedia = MediaById | MediaByLink | StoredLink | UploadedFirst

/** What the message names. */
export interface NamedMedia {
  mediaId?: string | undefined
  link?: string | undefined
  /** The key of the id in a cache. */
  cacheKey?: string | undefined
  /** Meta had it before: it may be gone, and `open` gets another. */
  mayBeGone: boolean
}

/** The media of one message. */
export interface ChosenMedia {
  mediaType: MediaType
  /** The source's own name. */
  filename?: string | undefined
  /** Uploads or signs it, where needed. @param gone an id that it gave before, and that Meta does not know any more. */
  open(gone?: string): Promise<NamedMedia>
}

/** What is needed to have media, and what is done with it. */
export interface MediaCall<T> {
  plan: SendingPlan
  upload: Omit<WhatsAppUploadOptions, 'mediaType'>
  voice: boolean
  use(chosen: ChosenMedia): Promise<T>
}

const ID_FIELDS: OptionNames<MediaById> = { mediaId: true, mediaType: true }
const LINK_FIELDS: OptionNames<MediaByLink> = { link: true, mediaType: true }
const MEDIA_FIELDS: Readonly<Record<string, true>> = {
  ...{ ...ID_FIELDS, ...LINK_FIELDS, storage: true, key: true, mimeType: true, filename: true, by: true },
  ...{ expiresIn: true, body: true, size: true },
}

/**
 * Finds out the kind of a message's media, and checks its form, type and size as far as they can be known before bytes
 * move. Then `use` gets it.
 *
 * @throws InvalidOptionError, OutboundTypeError, OutboundLimitError, StorageFailedError; what `use` throws.
 */
export async function chooseMedia<T>(media: MessageMedia, call: MediaCall<T>): Promise<T> {
  checkOptions(media, MEDIA_FIELDS, { option: 'message.media' })
  if ('mediaId' in media) return call.use(chooseId(media))
  if ('link' in media) return call.use(chooseLink(media))
  if ('by' in media && media.by !== undefined) return call.use(await chooseStoredLink(media, call))
  return runWithFile(media, call)
}

function chooseId(media: MediaById): ChosenMedia {
  checkOptions(media, ID_FIELDS, { option: 'message.media' })
  const { mediaId, mediaType } = media
  checkMediaId(mediaId, 'message.media.mediaId')
  checkMediaType(mediaType, 'message.media.mediaType')
  return { mediaType, open: async () => ({ mediaId, mayBeGone: false }) }
}

function chooseLink(media: MediaByLink): ChosenMedia {
  checkOptions(media, LINK_FIELDS, { option: 'message.media' })
  const { link, mediaType } = media
  checkText('message.media.link', link)
  const isPlain = /^https?:\/\/[^/\s\\]/i.test(link) && URL.canParse(link) && new URL(link).username === ''
  if (!isPlain) {
    const problem = `must be an http(s) URL without a user, got ${describeSecret(link)}`
    throw new InvalidOptionError({ option: 'message.media.link', problem })
  }
  checkMediaType(mediaType, 'message.media.mediaType')
  return { mediaType, open: async () => ({ link, mayBeGone: false }) }
}

function runWithFile<T>(media: UploadedFirst, call: MediaCall<T>): Promise<T> {
  const { mediaType: wanted, ...source } = media
  if (wanted !== undefined) checkMediaType(wanted, 'message.media.mediaType')
  return runWithUpload(source, { ...call.upload, mediaType: wanted }, async (upload) => {
    const { mimeType } = 'key' in source ? await inspectStored(source, { ...call, needsSize: false }) : source
    const { kind: mediaType } = findKind(mimeType, wanted, call)
    const open = async (gone?: string): Promise<NamedMedia> => {
      const { mediaId, cacheKey, reused } = await upload({ staleMediaId: gone })
      return { mediaId, cacheKey, mayBeGone: reused }
    }
    return call.use({ mediaType, ...defined({ filename: source.filename }), open })
  })
}

/** Meta takes as a voice note nothing but Ogg with Opus (Meta: Messages API, "Media object"). */
export function findKind(
  mimeType: string,
  wanted: MediaType | undefined,
  { voice }: Pick<MediaCall<unknown>, 'voice'>,
): OutboundFormat & { kind: MediaType } {
  const format = findOutboundFormat(mimeType, wanted)
  if (!voice || format.kind !== 'audio' || format.mimeType.startsWith('audio/ogg')) return format
  const wayOut = 'convert it to Ogg with Opus, or leave voice out'
  throw new OutboundTypeError({ kind: 'voice note', mimeType: format.mimeType, wayOut })
}

/** Meta keeps what it has fetched for 10 minutes, and may begin as late. */
const LEAST_LINK_SECONDS = 600

async function chooseStoredLink<T>(media: StoredLink, call: MediaCall<T>): Promise<ChosenMedia> {
  const { by, mediaType: wanted, expiresIn = 3_600, ...source } = media
  checkOneOf('message.media.by', by, ['link'])
  if (wanted !== undefined) checkMediaType(wanted, 'message.media.mediaType')
  checkWhole('message.media.expiresIn', expiresIn, {
    ...{ least: LEAST_LINK_SECONDS, most: MAX_EXPIRES_IN, unit: 'of seconds' },
  })
  if (!('key' in source)) {
    const problem = 'goes with an object of a storage; give storage and key'
    throw new InvalidOptionError({ option: 'message.media.by', problem })
  }
  // Checks the source's fields; nothing is read.
  readSource(source)
  const { mimeType, size } = await inspectStored(source, { ...call, needsSize: true })
  const format = findKind(mimeType, wanted, call)
  if (size !== undefined) checkOutboundSize(format, size)
  const open = async (): Promise<NamedMedia> => {
    const { storage, key, filename } = source
    const { onEvent } = call.upload
    const signed = await signUrl(key, { storage, expiresIn, anyAccount: true, ...defined({ filename, onEvent }) })
    if (signed.expiresAt.getTime() < Date.now() + (LEAST_LINK_SECONDS - 1) * 1_000) {
      const reason = `the URL would end before ${LEAST_LINK_SECONDS} seconds, with the signing credentials`
      throw new StorageFailedError({ operation: 'sign', key, reason, retryable: true })
    }
    return { link: signed.url, mayBeGone: false }
  }
  return { mediaType: format.kind, ...defined({ filename: source.filename }), open }
}

/** The type and size of an object. One who may read it but not ask for it knows its type by its key. */
async function inspectStored(
  { storage, key, mimeType, filename }: StoredSource,
  { plan, needsSize }: { plan: SendingPlan; needsSize: boolean },
): Promise<{ mimeType: string; size?: number | undefined }> {
  if (mimeType !== undefined && !needsSize) return { mimeType }
  const wrapped = wrapStorage(storage, filename)
  const found = await runTimed(plan, async ({ deadlines }): Promise<Partial<StoredObject>> => {
    deadlines.waitFor('store')
    const head = await wrapped.head(key, { signal: deadlines.signal }).catch((error: unknown) => {
      if (isForbidden(error)) return {}
      throw error
    })
    if (head !== null) return head
    throw new StorageFailedError({ operation: 'head', key, reason: 'there is no such object', retryable: false })
  })
  const { contentType = 'application/octet-stream', size } = found
  return { mimeType: mimeType ?? decideStoredType(contentType, key), size }
}
