import { createHash, createHmac, randomBytes, randomInt } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { CloudApiOptions } from '../download/cloud-api.js'
import type { MediaReference, MediaType } from '../media-reference.js'
import { accountBody, type FakeAccount } from './fake-cloud-api/account.js'
import { type Fault, graphErrorBody, type IntendedAnswer, sendSpoilt } from './fake-cloud-api/faults.js'

export type { FakeAccount } from './fake-cloud-api/account.js'
export type { Fault, FaultKind } from './fake-cloud-api/faults.js'

/** Options of `createFakeCloudApi`. */
export interface FakeCloudApiOptions extends FakeAccount {
  /** The one token that is accepted. Default: a made-up one, see `FakeCloudApi.accessToken`. */
  accessToken?: string
  /** With it, look-ups that carry an `appsecret_proof` must carry the right one. */
  appSecret?: string
  /** Whether a look-up without `appsecret_proof` is refused, as with Meta's setting "Require App Secret". Default false. */
  requireProof?: boolean
  /** The API's clock, in milliseconds. Default `Date.now`. */
  now?: () => number
  /** How long download URLs live. Default 300,000 ms, as Meta's. */
  urlLifetimeMs?: number
  /** How long media ids live. Default 7 days, as Meta's. */
  mediaLifetimeMs?: number
}

/** A file that the fake API holds. */
export interface FakeMedia {
  /** The file: all at once, or made as it is read. */
  bytes: Uint8Array | { size: number; sha256: string; stream(): Readable }
  /** As declared by the sender. */
  mimeType: string
  /** What WhatsApp takes it for. */
  mediaType: MediaType
  /** Of documents. */
  filename?: string
  /** The words below it. */
  caption?: string
  /** A voice note. */
  voice?: boolean
  /** An animated sticker. */
  animated?: boolean
  /** Default: a made-up one. */
  mediaId?: string
  /** Default `106540352242922`. */
  phoneNumberId?: string
  /** The hash that look-up and webhook announce, in hex, or `false` for none. Default: the right one. */
  announceSha256?: string | false
}

/** What the fake API holds, and how a webhook announces it. */
export interface AddedMedia {
  /** For look-ups. */
  mediaId: string
  /** What `extractMedia` makes of the webhook. */
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
  /** What it asked for. */
  kind: 'look-up' | 'download' | 'delete' | 'other'
  /** The HTTP method. */
  method: string
  /** Path and query. */
  url: string
  /** By lower-case name. */
  headers: IncomingMessage['headers']
  /** What was answered; undefined until an answer has begun, and when none ever does. */
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

interface Held extends FakeMedia {
  mediaId: string
  phoneNumberId: string
  size: number
  sha256: string
  /** Absent: none is announced. */
  announced: string | undefined
  checksum: Record<string, string>
  addedAt: number
}

const WEEK_MS = 604_800_000
const ATTACHMENTS = '/whatsapp_business/attachments/'

/**
 * Starts a fake Cloud API: media look-up, downloads with 5-minute URLs, token check, deletion, what the token may do
 * (`me`, `debug_token`, phone number ids), and faults on demand.
 * The shapes are Meta's as recorded in public: hex hash and numeric size in look-ups, escaped slashes, unquoted
 * `filename` and `ETag` in downloads, HTTP 400 with code 100 and subcode 33 for unknown and expired ids.
 */
export async function createFakeCloudApi(options: FakeCloudApiOptions = {}): Promise<FakeCloudApi> {
  const { accessToken = `EAAfake${randomBytes(24).toString('hex')}`, appSecret, now = Date.now } = options
  const { requireProof = false, urlLifetimeMs = 300_000, mediaLifetimeMs = WEEK_MS } = options
  const urlSecret = randomBytes(32)
  const media = new Map<string, Held>()
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
    response.setHeader('x-fb-trace-id', traceId())
    if (kind === 'download') return download(request, response, url)
    if (kind === 'look-up') return lookUp(request, response, { url, mediaId: decodeURIComponent(mediaId) })
    if (kind === 'delete') return remove(request, response, decodeURIComponent(mediaId))
    if (body === undefined) return refuse(response, 404)
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
    await sendSpoilt(response, { headers, size: bytes.length, pieces: () => [bytes] }, fault, traceId())
  }

  /** Whether a fault answers by itself, so that it comes whatever was asked for. */
  const isWhole = ({ kind }: Fault): boolean => kind === 'status' || kind === 'stall' || kind === 'reset'

  const findAllowed = (
    request: IncomingMessage,
    response: ServerResponse,
    { url, mediaId, isSpoilt }: { url: URL; mediaId: string; isSpoilt: boolean },
  ): Held | undefined => {
    const held = media.get(mediaId)
    if (isSpoilt) return held ?? NOBODYS
    if (isRefused(request, response, url)) return undefined
    if (held === undefined || now() > held.addedAt + mediaLifetimeMs) refuse(response, 400)
    else if ((url.searchParams.get('phone_number_id') ?? held.phoneNumberId) !== held.phoneNumberId)
      refuse(response, 400)
    else return held
    return undefined
  }

  /** Refuses callers without the token, or with a wrong proof. */
  const isRefused = (request: IncomingMessage, response: ServerResponse, url: URL): boolean => {
    const proof = url.searchParams.get('appsecret_proof')
    const isProofWrong = appSecret !== undefined && proof !== null && proof !== proofOf(accessToken, appSecret)
    if (!hasToken(request)) refuse(response, 401)
    else if (isProofWrong) refuse(response, 400, PROOF_ERROR)
    else if (requireProof && proof === null) refuse(response, 400, NO_PROOF_ERROR)
    else return false
    return true
  }

  const hasToken = ({ headers }: IncomingMessage): boolean =>
    headers.authorization === `Bearer ${accessToken}` && now() < (options.tokenExpiresAt ?? Number.POSITIVE_INFINITY)

  const lookUpBody = (held: Held, fault: Fault | undefined): string => {
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
      if (!hasToken(request)) return refuse(response, 401)
      if (held === undefined || url.searchParams.get('hash') !== hash || now() > ext * 1_000)
        return refusePage(response)
    }
    await sendSpoilt(response, intended(held ?? NOBODYS), fault, traceId())
  }

  const remove = (request: IncomingMessage, response: ServerResponse, mediaId: string): void => {
    if (!hasToken(request)) refuse(response, 401)
    else if (!media.delete(mediaId)) refuse(response, 400, DELETE_ERROR)
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
      const { mediaId = madeUpId(), phoneNumberId = '106540352242922', announceSha256, bytes, ...told } = added
      const measured =
        bytes instanceof Uint8Array
          ? { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
          : bytes
      const { size, sha256 } = measured
      const held: Held = {
        ...told,
        bytes,
        mediaId,
        phoneNumberId,
        size,
        sha256,
        announced: announceSha256 === false ? undefined : (announceSha256 ?? sha256),
        checksum: bytes instanceof Uint8Array ? { 'content-digest': `adler32=${adler32(bytes)}` } : {},
        addedAt: now(),
      }
      media.set(mediaId, held)
      const { url, expiresAt } = urlFor(mediaId, 'webhook')
      return {
        mediaId,
        size,
        sha256,
        reference: referenceTo(held, url, expiresAt),
        mediaObject: mediaObjectOf(held, url),
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

/** For faults that come whatever was asked for. */
const NOBODYS: Held = {
  mediaId: '0',
  phoneNumberId: '0',
  bytes: new Uint8Array(),
  mimeType: 'application/octet-stream',
  mediaType: 'document',
  size: 0,
  sha256: createHash('sha256').digest('hex'),
  announced: undefined,
  checksum: {},
  addedAt: 0,
}

function intended({ bytes, mimeType, size, checksum }: Held): IntendedAnswer {
  return {
    headers: {
      'content-type': mimeType,
      // Unquoted, both of them: so says Meta's media host.
      'content-disposition': `inline;filename=whatsapp.${mimeType.split(/[/;]/)[1]}`,
      etag: '2489350178742251424',
      'accept-ranges': 'bytes',
      ...checksum,
      'cache-control': 'private, no-cache, no-store',
    },
    size,
    pieces: () => (bytes instanceof Uint8Array ? slices(bytes) : bytes.stream()),
  }
}

function* slices(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 16_384) yield bytes.subarray(at, at + 16_384)
}

interface GraphRefusal {
  message: string
  type: string
  code: number
}

/** What deleting an unknown id leads to: not the error of a look-up. */
const DELETE_ERROR: GraphRefusal = { message: '(#100) Invalid post_id parameter', type: 'OAuthException', code: 100 }

/** Both are bad parameters, not dead tokens (Meta: Secure Graph API calls). */
const NO_PROOF_ERROR: GraphRefusal = {
  message: 'API calls from the server require an appsecret_proof argument',
  type: 'GraphMethodException',
  code: 100,
}
const PROOF_ERROR: GraphRefusal = {
  message: 'Invalid appsecret_proof provided in the API argument',
  type: 'GraphMethodException',
  code: 100,
}

function refuse(response: ServerResponse, status: 400 | 401 | 404, error?: GraphRefusal): void {
  const body =
    error === undefined
      ? graphErrorBody(status, traceId())
      : JSON.stringify({ error: { ...error, fbtrace_id: traceId() } })
  const headers = {
    'content-type': 'application/json; charset=UTF-8',
    'facebook-api-version': 'v25.0',
    // Refusals tell the app's usage where answers tell the business's.
    'x-app-usage': '{"call_count":1,"total_cputime":1,"total_time":1}',
    'www-authenticate': 'OAuth "Facebook Platform" "invalid_request" "refused by the fake"',
  }
  response.writeHead(status, headers).end(body)
}

/** What an expired URL leads to. */
function refusePage(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'text/html' }).end('<!DOCTYPE html><title>Error</title>')
}

function referenceTo(held: Held, downloadUrl: string, expiresAt: number): MediaReference {
  const { bytes, size, addedAt, checksum, announced, sha256, ...media } = held
  return {
    ...media,
    ...(announced === undefined ? {} : { sha256: announced }),
    downloadUrl,
    downloadUrlExpiresAt: new Date(expiresAt).toISOString(),
    messageId: `wamid.${Buffer.from(`fake ${held.mediaId}`).toString('base64')}`,
    timestamp: new Date(addedAt).toISOString(),
    receivedAt: new Date(addedAt).toISOString(),
    from: '15550001111',
    businessAccountId: '102290129340398',
    direction: 'inbound',
    origin: 'message',
  }
}

function mediaObjectOf(held: Held, url: string): Record<string, unknown> {
  const { mediaId, mimeType, announced, caption, filename, voice, animated } = held
  return {
    ...(caption === undefined ? {} : { caption }),
    ...(filename === undefined ? {} : { filename }),
    mime_type: mimeType,
    ...(announced === undefined ? {} : { sha256: Buffer.from(announced, 'hex').toString('base64') }),
    id: mediaId,
    url,
    ...(voice === undefined ? {} : { voice }),
    ...(animated === undefined ? {} : { animated }),
  }
}

/** Meta: Secure Graph API calls. */
function proofOf(accessToken: string, appSecret: string): string {
  return createHmac('sha256', appSecret).update(accessToken).digest('hex')
}

function flipHex(sha256: string): string {
  return `${sha256.startsWith('0') ? '1' : '0'}${sha256.slice(1)}`
}

/** RFC 1950. Between two divisions the sums stay far below 2^53. */
function adler32(bytes: Uint8Array): number {
  let low = 1
  let high = 0
  for (let at = 0; at < bytes.length; at += 2_048) {
    for (const byte of bytes.subarray(at, at + 2_048)) {
      low += byte
      high += low
    }
    low %= 65_521
    high %= 65_521
  }
  return high * 65_536 + low
}

function madeUpId(): string {
  return `17610${randomInt(1e6, 1e7)}${randomInt(1e5, 1e6)}`
}

function traceId(): string {
  return `A${randomBytes(17).toString('base64url')}`
}
