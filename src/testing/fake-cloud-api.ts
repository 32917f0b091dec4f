import { createHash, createHmac, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { CloudApiOptions } from '../download/cloud-api.js'
import type { MediaReference } from '../media-reference.js'
import { accountBody, type FakeAccount } from './fake-cloud-api/account.js'
import { type Fault, sendSpoilt } from './fake-cloud-api/faults.js'
import {
  buildDownload,
  buildMediaObject,
  buildReference,
  computeAdler32,
  type FakeMedia,
  flipHex,
  type HeldMedia,
  makeUpId,
  NOBODYS,
} from './fake-cloud-api/media.js'
import {
  computeProof,
  DELETE_ERROR,
  makeTraceId,
  NO_PROOF_ERROR,
  PROOF_ERROR,
  sendPageNotFound,
  sendRefusal,
} from './fake-cloud-api/refusals.js'

export type { FakeAccount } from './fake-cloud-api/account.js'
export type { Fault, FaultKind } from './fake-cloud-api/faults.js'
export type { FakeMedia } from './fake-cloud-api/media.js'

/** Options of `createFakeCloudApi`. */
export interface FakeCloudApiOptions extends FakeAccount {
  /** The one token that is accepted. Default: a made-up one, see `FakeCloudApi.accessToken`. */
  accessToken?: string
  /** With it, look-ups that carry an `appsecret_proof` must carry the right one. */
  appSecret?: string
  /**
   * True: a look-up without `appsecret_proof` is refused, as with Meta's setting "Require App Secret". Default false.
   */
  requireProof?: boolean
  /** The API's clock, in milliseconds. Default `Date.now`. */
  now?: () => number
  /** How long download URLs live. Default 300,000 ms, as Meta's. */
  urlLifetimeMs?: number
  /** How long media ids live. Default 7 days, as Meta's. */
  mediaLifetimeMs?: number
}

/** The media that the fake API holds, and how a webhook announces it. */
export interface AddedMedia {
  /** For look-ups. */
  mediaId: string
  /** The result of `extractMedia` for the webhook. */
  reference: MediaReference
  /** The media object inside a webhook message, as on the wire: base64 hash, short-lived URL. */
  mediaObject: Record<string, unknown>
  /** Lowercase hex. */
  sha256: string
  /** Bytes. */
  size: number
}

/** A request that the fake API got. */
export interface RecordedRequest {
  /** The request's target. */
  kind: 'look-up' | 'download' | 'delete' | 'other'
  /** The HTTP method. */
  method: string
  /** Path and query. */
  url: string
  /** By lower-case name. */
  headers: IncomingMessage['headers']
  /** The answer; undefined until one has begun, and when none ever does. */
  readonly status: number | undefined
}

/** A stand-in for Meta's API: a real HTTP server on the loopback that answers in Meta's wire shapes. */
export interface FakeCloudApi {
  /** Where it listens: `http://127.0.0.1:…`. */
  origin: string
  /** For the library's option of the same name. */
  cloudApi: Required<Pick<CloudApiOptions, 'baseUrl' | 'version' | 'mediaHosts'>>
  /** The one token that is accepted. */
  accessToken: string
  /** Holds a file from now on. */
  addMedia(media: FakeMedia): Promise<AddedMedia>
  /** Spoils answers from now on. Of several faults for one request the first one counts. */
  fail(fault: Fault): void
  /** Answers well again. */
  clearFaults(): void
  /** All requests so far. */
  readonly requests: readonly RecordedRequest[]
  /** Ends its connections, and stops listening. */
  close(): Promise<void>
}

const WEEK_MS = 604_800_000
const ATTACHMENTS = '/whatsapp_business/attachments/'

/**
 * Starts a fake Cloud API: media look-up, downloads with 5-minute URLs, token check, deletion, the token's permissions
 * (`me`, `debug_token`, phone number ids), and faults on demand.
 * The shapes are Meta's as recorded in public: hex hash and numeric size in look-ups, escaped slashes, unquoted
 * `filename` and `ETag` in downloads, HTTP 400 with code 100 and subcode 33 for unknown and expired ids.
 */
export async function createFakeCloudApi(options: FakeCloudApiOptions = {}): Promise<FakeCloudApi> {
  const { accessToken = `EAAfake${randomBytes(24).toString('hex')}`, appSecret, now = Date.now } = options
  const { requireProof = false, urlLifetimeMs = 300_000, mediaLifetimeMs = WEEK_MS } = options
  const urlSecret = randomBytes(32)
  const media = new Map<string, HeldMedia>()
  const requests: RecordedRequest[] = []
  let faults: (Fault & { left: number })[] = []

  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy())
  })

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(`${origin}${request.url}`)
    const isDownload = url.pathname === ATTACHMENTS
    const [, mediaId = ''] = /^\/(?:v\d+\.\d+\/)?([^/]+)$/.exec(url.pathname) ?? []
    const inputToken = url.searchParams.get('input_token')
    const body =
      request.method === 'GET' ? accountBody(mediaId, { accessToken, inputToken, account: options }) : undefined
    const isOther = mediaId === '' || body !== undefined
    const kind = isDownload ? 'download' : isOther ? 'other' : request.method === 'DELETE' ? 'delete' : 'look-up'
    requests.push({
      kind,
      method: String(request.method),
      url: String(request.url),
      headers: request.headers,
      get status() {
        return response.headersSent ? response.statusCode : undefined
      },
    })
    response.setHeader('x-fb-trace-id', makeTraceId())
    if (kind === 'download') return download(request, response, url)
    if (kind === 'look-up') return lookUp(request, response, { url, mediaId: decodeURIComponent(mediaId) })
    if (kind === 'delete') return remove(request, response, decodeURIComponent(mediaId))
    if (body === undefined) return sendRefusal(response, 404)
    if (isRefused(request, response, url)) return
    response.writeHead(200, { 'content-type': 'application/json; charset=UTF-8' }).end(body)
  }

  const takeFault = (on: Fault['on'], mediaId: string): Fault | undefined => {
    const fault = faults.find((each) => each.on === on && each.left > 0 && (each.mediaId ?? mediaId) === mediaId)
    if (fault !== undefined) fault.left--
    return fault
  }

  const lookUp = async (
    request: IncomingMessage,
    response: ServerResponse,
    { url, mediaId }: { url: URL; mediaId: string },
  ): Promise<void> => {
    const fault = takeFault('look-up', mediaId)
    const held = findAllowed(request, response, { url, mediaId, isSpoilt: fault !== undefined && isWhole(fault) })
    if (held === undefined) return
    const text = fault?.kind === 'malformed-json' ? '{"url":"https:' : lookUpBody(held, fault)
    response.setHeader('facebook-api-version', 'v25.0')
    response.setHeader('x-business-use-case-usage', USAGE)
    const headers = {
      'content-type': 'application/json; charset=UTF-8',
      'cache-control': 'private, no-cache, no-store',
      etag: `"${mediaId}"`,
    }
    const bytes = Buffer.from(text)
    await sendSpoilt(response, { headers, size: bytes.length, pieces: () => [bytes] }, fault, makeTraceId())
  }

  /** True when a fault answers by itself, for any request. */
  const isWhole = ({ kind }: Fault): boolean => kind === 'status' || kind === 'stall' || kind === 'reset'

  const findAllowed = (
    request: IncomingMessage,
    response: ServerResponse,
    { url, mediaId, isSpoilt }: { url: URL; mediaId: string; isSpoilt: boolean },
  ): HeldMedia | undefined => {
    const held = media.get(mediaId)
    if (isSpoilt) return held ?? NOBODYS
    if (isRefused(request, response, url)) return undefined
    if (held === undefined || now() > held.addedAt + mediaLifetimeMs) sendRefusal(response, 400)
    else if ((url.searchParams.get('phone_number_id') ?? held.phoneNumberId) !== held.phoneNumberId)
      sendRefusal(response, 400)
    else return held
    return undefined
  }

  /** Refuses callers without the token, or with a wrong proof. */
  const isRefused = (request: IncomingMessage, response: ServerResponse, url: URL): boolean => {
    const proof = url.searchParams.get('appsecret_proof')
    const isProofWrong = appSecret !== undefined && proof !== null && proof !== computeProof(accessToken, appSecret)
    if (!hasToken(request)) sendRefusal(response, 401)
    else if (isProofWrong) sendRefusal(response, 400, PROOF_ERROR)
    else if (requireProof && proof === null) sendRefusal(response, 400, NO_PROOF_ERROR)
    else return false
    return true
  }

  const hasToken = ({ headers }: IncomingMessage): boolean =>
    headers.authorization === `Bearer ${accessToken}` && now() < (options.tokenExpiresAt ?? Number.POSITIVE_INFINITY)

  const lookUpBody = (held: HeldMedia, fault: Fault | undefined): string => {
    const { mediaId, mimeType, announced, size } = held
    const sha256 = fault?.kind === 'wrong-sha256' ? flipHex(held.sha256) : announced
    const info = {
      url: urlFor(mediaId, 'getMedia').url,
      mime_type: mimeType,
      ...(fault?.kind === 'no-sha256' || sha256 === undefined ? {} : { sha256 }),
      ...(fault?.kind === 'no-size' ? {} : { file_size: fault?.kind === 'wrong-size' ? size + 1 : size }),
      id: mediaId,
      messaging_product: 'whatsapp',
    }
    return JSON.stringify(info).replaceAll('/', '\\/')
  }

  const urlFor = (mediaId: string, source: 'webhook' | 'getMedia'): { url: string; expiresAt: number } => {
    const ext = Math.floor((now() + urlLifetimeMs) / 1_000)
    const hash = createHmac('sha256', urlSecret).update(`${mediaId} ${ext}`).digest('base64url')
    return {
      url: `${origin}${ATTACHMENTS}?mid=${encodeURIComponent(mediaId)}&source=${source}&ext=${ext}&hash=${hash}`,
      expiresAt: ext * 1_000,
    }
  }

  const download = async (request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> => {
    const mediaId = url.searchParams.get('mid') ?? ''
    const ext = Number(url.searchParams.get('ext'))
    const hash = createHmac('sha256', urlSecret).update(`${mediaId} ${ext}`).digest('base64url')
    const fault = takeFault('download', mediaId)
    const held = media.get(mediaId)
    if (fault === undefined || !isWhole(fault)) {
      if (!hasToken(request)) return sendRefusal(response, 401)
      if (held === undefined || url.searchParams.get('hash') !== hash || now() > ext * 1_000)
        return sendPageNotFound(response)
    }
    await sendSpoilt(response, buildDownload(held ?? NOBODYS), fault, makeTraceId())
  }

  const remove = (request: IncomingMessage, response: ServerResponse, mediaId: string): void => {
    if (!hasToken(request)) sendRefusal(response, 401)
    else if (!media.delete(mediaId)) sendRefusal(response, 400, DELETE_ERROR)
    else response.writeHead(200, { 'content-type': 'application/json' }).end('{"success":true}')
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  /* v8 ignore next -- @preserve a server that listens on a port has an address object */
  const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`

  return {
    origin,
    cloudApi: { baseUrl: origin, version: 'v25.0', mediaHosts: [origin] },
    accessToken,
    requests,
    async addMedia(added) {
      const { mediaId = makeUpId(), phoneNumberId = '106540352242922', announceSha256, bytes, ...announced } = added
      const measured =
        bytes instanceof Uint8Array
          ? { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
          : bytes
      const { size, sha256 } = measured
      const held: HeldMedia = {
        ...announced,
        bytes,
        mediaId,
        phoneNumberId,
        size,
        sha256,
        announced: announceSha256 === false ? undefined : (announceSha256 ?? sha256),
        checksum: bytes instanceof Uint8Array ? { 'content-digest': `adler32=${computeAdler32(bytes)}` } : {},
        addedAt: now(),
      }
      media.set(mediaId, held)
      const { url, expiresAt } = urlFor(mediaId, 'webhook')
      return {
        mediaId,
        size,
        sha256,
        reference: buildReference(held, url, expiresAt),
        mediaObject: buildMediaObject(held, url),
      }
    },
    fail(fault) {
      faults.push({ ...fault, left: fault.times ?? Number.POSITIVE_INFINITY })
    },
    clearFaults() {
      faults = []
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Percent of the limits used, and minutes until access comes back (Graph API: Rate limiting). */
const USAGE =
  '{"102290129340398":[{"type":"whatsapp","call_count":1,"total_cputime":1,"total_time":1,"estimated_time_to_regain_access":0}]}'
