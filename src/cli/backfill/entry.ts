import { type AnyWhatsAppMediaError, InvalidOptionError, MediaUnavailableError } from '../../errors.js'
import { getMediaTypeFromMime } from '../../file-type/mime.js'
import { defined, isObject, parseJson, parseSha256, readId, readOwn, readString } from '../../json.js'
import { IS_NO_FAILURE } from '../../media-archive/enqueue.js'
import { removeDownloadAccess } from '../../media-reference/download-access.js'
import { parseTime } from '../../media-reference/parse-time.js'
import { isMediaType, type MediaReference } from '../../media-reference.js'
import { extractMedia } from '../../webhook/extract.js'

/** The media that a line of a back-fill's input announces. */
export interface LineContent {
  kind: 'media'
  media: MediaReference[]
  /** One for each announced media that can't be archived: Meta could not take it, or its message has no time. */
  lost: AnyWhatsAppMediaError[]
}

/** The fault of a line, for people. */
export interface LineProblem {
  kind: 'unreadable'
  problem: string
}

/** No message has this time. A message that has it after reading had none on the wire. */
const NO_TIME = '0000-01-01T00:00:00.001Z'

/**
 * Reads a line. Its properties decide the form, in this order:
 *
 * - `entry`, an array: a saved webhook body, as Meta sent it.
 * - `content`, an object: a message document, as in `examples/mongoose.ts`: `messageId`, `phoneNumberId`, `timestamp`, and
 *   in `content` `mediaId`, `mediaType`, `mimeType`, `filename`, `sha256`. Without a `content.mediaId` it is a text.
 * - `mediaId`: a media id with the same properties beside it; a `MediaReference` is one.
 *
 * The last two need `mediaId`, `timestamp`, and `mediaType` or `mimeType`. Times are ISO 8601 with zone, unix seconds or
 * milliseconds, or MongoDB's `{ "$date": … }`.
 */
export function readLine(line: string, receivedAt: string): LineContent | LineProblem {
  const json = parseJson(line)
  if (json === undefined) return refuseLine('is no JSON')
  if (Array.isArray(readOwn(json, 'entry'))) return readWebhook(json, receivedAt)
  const content = readOwn(json, 'content')
  if (isObject(content))
    return readId(content, 'mediaId') === '' ? NOTHING : readAnnouncedMedia(json, content, receivedAt)
  if (readOwn(json, 'mediaId') !== undefined) return readAnnouncedMedia(json, json, receivedAt)
  return refuseLine('is no webhook body, media id or message document')
}

const NOTHING: LineContent = { kind: 'media', media: [], lost: [] }

export function refuseLine(problem: string): LineProblem {
  return { kind: 'unreadable', problem }
}

function readWebhook(json: unknown, receivedAt: string): LineContent {
  const { media, unavailable } = extractMedia(json, { receivedAt: NO_TIME })
  const dated = media.filter(({ timestamp }) => timestamp !== NO_TIME)
  const undated = media
    .slice(dated.length)
    .map(() => new InvalidOptionError({ option: 'timestamp', problem: 'is missing: it makes the key' }))
  const failed = unavailable.filter(({ reason }) => !IS_NO_FAILURE.has(reason))
  return {
    kind: 'media',
    // A saved download URL has expired: it works for five minutes.
    media: dated.map((reference) => ({ ...removeDownloadAccess(reference), receivedAt })),
    lost: [...undated, ...failed.map((item) => new MediaUnavailableError(item))],
  }
}

function readAnnouncedMedia(message: unknown, media: unknown, receivedAt: string): LineContent | LineProblem {
  const mediaId = readId(media, 'mediaId')
  if (mediaId === '') return refuseLine('has no mediaId')
  const timestamp = readTime(readOwn(message, 'timestamp'))
  if (timestamp === undefined) return refuseLine('has no timestamp')
  const mimeType = readString(media, 'mimeType') ?? ''
  const announced = readOwn(media, 'mediaType')
  const guessed = mimeType === '' ? undefined : getMediaTypeFromMime(mimeType)
  const mediaType = isMediaType(announced) ? announced : guessed
  if (mediaType === undefined) return refuseLine('has neither mediaType nor mimeType')
  const reference: MediaReference = {
    mediaId,
    mediaType,
    mimeType,
    messageId: readString(message, 'messageId') ?? '',
    timestamp,
    receivedAt,
    phoneNumberId: readId(message, 'phoneNumberId'),
    businessAccountId: readId(message, 'businessAccountId'),
    direction: 'inbound',
    origin: 'message',
    ...defined({ sha256: parseSha256(readOwn(media, 'sha256')), filename: readString(media, 'filename') }),
  }
  return { kind: 'media', media: [reference], lost: [] }
}

/** A smaller number is seconds: as milliseconds it would be before 1973. */
const MOST_SECONDS = 1e11

function readTime(value: unknown): string | undefined {
  const date = readOwn(value, '$date')
  if (date !== undefined) return readTime(readOwn(date, '$numberLong') ?? date)
  const number = typeof value === 'string' && /^\d{9,14}$/.test(value) ? Number(value) : value
  if (typeof number === 'number') return parseIsoTime(new Date(number < MOST_SECONDS ? number * 1_000 : number))
  return typeof number === 'string' ? parseIsoTime(number) : undefined
}

function parseIsoTime(time: string | Date): string | undefined {
  try {
    return parseTime('timestamp', time).toISOString()
  } catch {
    return undefined
  }
}
