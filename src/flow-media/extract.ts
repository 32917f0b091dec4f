import { types } from 'node:util'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkText, checkWhole } from '../errors/checks.js'
import { describeSecret } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { findSafeExtension } from '../file-type/filename.js'
import { findContentType, getMediaTypeFromMime } from '../file-type/mime.js'
import { defined, isObject } from '../json.js'
import { parseTime } from '../media-reference/parse-time.js'
import type { MediaReference } from '../media-reference.js'
import { type ExtractedMedia, removeDuplicates, toIsoTime } from '../webhook/extract.js'
import { type EndpointFile, isEncryptedRequest, readEndpointFiles } from './wire.js'

/** The facts that a Flow endpoint's request does not tell. */
export interface FlowRequestOptions {
  /** Meta's id of the business phone number that the Flow belongs to: it decides the account. */
  phoneNumberId: string
  /**
   * When the request came, ISO 8601 string or Date. It decides the key's date and the retry deadline: give a request that
   * comes again the same time, and it finds its objects.
   */
  timestamp: string | Date
  /** The WhatsApp Business Account. Default: empty. */
  businessAccountId?: string | undefined
  /** The id of a message, or of your own, that leads from a result back to the Flow. Default: empty. */
  messageId?: string | undefined
  /** The customer's phone number, where your app knows it by the Flow's token. */
  from?: string | undefined
  /** The most files; more are reported as `unavailable`. Default 30, the most that one picker takes (Meta: Flows, Media upload). */
  maxFiles?: number | undefined
}

const FLOW_REQUEST_OPTIONS: OptionNames<FlowRequestOptions> = {
  ...{ phoneNumberId: true, timestamp: true, businessAccountId: true, messageId: true, from: true, maxFiles: true },
}

/**
 * Finds the encrypted files in a Flow endpoint's request. Fit for `archive.enqueue`, `archiveMedia` and `decryptFlowMedia`.
 * Type and MIME type come from the file's name; the bytes are checked against them when they are stored.
 *
 * @param request the decrypted request, parsed (Meta: Flows, Implementing endpoints): with its `data`, its `data` alone,
 * or one picker's list. Files are found wherever they stand; other shapes are skipped.
 * @returns the references, each with `encryption`; its keys and its URL let their reader have the file. One whose keys are
 * malformed is refused when it is archived. `unavailable` has files without a media id, and says when there are too many.
 * @throws InvalidOptionError for a request that is still encrypted or no parsed JSON, and for options of the wrong form.
 * @example
 * ```ts
 * import { extractFlowMedia } from 'whatsapp-media-archive'
 * import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
 *
 * const api = await createFakeCloudApi()
 * const { request } = await api.addFlowMedia({ bytes: Buffer.from('hello'), filename: 'hello.txt' })
 * const { media } = extractFlowMedia(request, { phoneNumberId: '106540352242922', timestamp: new Date() })
 * console.log(media.map(({ mediaType, mimeType }) => [mediaType, mimeType])) // [ [ 'document', 'text/plain' ] ]
 * await api.close()
 * ```
 */
export function extractFlowMedia(request: unknown, options: FlowRequestOptions): ExtractedMedia {
  checkOptions(options, FLOW_REQUEST_OPTIONS, { after: { request } })
  const { phoneNumberId, businessAccountId = '', messageId = '', from, maxFiles = 30 } = options
  for (const [name, value] of Object.entries({ phoneNumberId, businessAccountId, messageId })) checkText(name, value)
  if (from !== undefined) checkText('from', from)
  checkWhole('maxFiles', maxFiles)
  const timestamp = parseTime('timestamp', options.timestamp).toISOString()
  checkDecrypted(request)
  const origin = { direction: 'inbound', origin: 'flow-endpoint' } as const
  const ids = {
    messageId,
    phoneNumberId,
    businessAccountId,
    ...defined({ from, contact: from === undefined ? undefined : { phone: from } }),
  }
  const arrival = { ...ids, timestamp, receivedAt: toIsoTime(), ...origin }

  const found: ExtractedMedia = { media: [], unavailable: [], revoked: [] }
  const files = readEndpointFiles(request)
  if (files.length > maxFiles) found.unavailable.push({ reason: 'too-many-files', ...arrival })
  for (const file of files.slice(0, maxFiles)) {
    const { mediaId } = file
    const type = decideType(file)
    if (mediaId === undefined) found.unavailable.push({ reason: 'no-media-id', mediaType: type.mediaType, ...arrival })
    else found.media.push({ ...file, mediaId, ...type, ...arrival })
  }
  found.media = removeDuplicates(found.media)
  return found
}

/** A request has no MIME types. */
function decideType({ filename = '' }: EndpointFile): Pick<MediaReference, 'mediaType' | 'mimeType'> {
  const extension = findSafeExtension(filename)
  const mimeType = (extension === undefined ? undefined : findContentType(extension)) ?? 'application/octet-stream'
  return { mediaType: getMediaTypeFromMime(mimeType), mimeType }
}

/** Anything else would be searched in vain. @throws InvalidOptionError */
function checkDecrypted(request: unknown): void {
  const isParsed = (isObject(request) || Array.isArray(request)) && !types.isPromise(request)
  const isRequest = isObject(request) && (types.isUint8Array(request) || typeof request['json'] === 'function')
  if (!isParsed || isRequest) {
    const problem = `must be the decrypted request of a Flow's endpoint, parsed, got ${describeSecret(request)}`
    throw new InvalidOptionError({ option: 'request', problem })
  }
  if (!isEncryptedRequest(request)) return
  const problem = "must be decrypted first, with the endpoint's private key"
  throw new InvalidOptionError({ option: 'request', problem })
}
