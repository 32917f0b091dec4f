import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { describeValue } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { checkGlobals } from '../runtime.js'
import type { FakeAccount } from './fake-cloud-api/account.js'
import { answerApiRequest } from './fake-cloud-api/answer-api-request.js'
import { checkFault } from './fake-cloud-api/check-fault.js'
import { type AddedFlowMedia, type FakeFlowMedia, holdFlowFile } from './fake-cloud-api/encrypted-file.js'
import type { Fault } from './fake-cloud-api/faults.js'
import { createFakeFetch, createMswHandlers, type FakeFetch, type MswHttp } from './fake-cloud-api/fetch-api.js'
import { type AddedMedia, announceMedia, type FakeMedia, toHeldMedia } from './fake-cloud-api/media.js'
import { toNodeResponse } from './fake-cloud-api/node-response.js'
import { signDownloadUrl } from './fake-cloud-api/sign-download-url.js'
import type {
  FakeApiState,
  KeptMessage,
  KeptStatus,
  KeptUpload,
  RecordedRequest,
  TemplateUpload,
} from './fake-cloud-api/state.js'
import { createStatusReader } from './fake-cloud-api/statuses.js'
import { checkStatus } from './fake-cloud-api/web-response.js'

export type { FakeAccount } from './fake-cloud-api/account.js'
export type { AddedFlowMedia, FakeFlowMedia } from './fake-cloud-api/encrypted-file.js'
export type { Fault, FaultKind } from './fake-cloud-api/faults.js'
export type { FakeFetch, MswHttp } from './fake-cloud-api/fetch-api.js'
export type { AddedMedia, FakeMedia } from './fake-cloud-api/media.js'
export type { KeptMessage, KeptStatus, KeptUpload, RecordedRequest, TemplateUpload } from './fake-cloud-api/state.js'

/** Options of `createFakeCloudApi`. */
export interface FakeCloudApiOptions extends FakeAccount {
  /** The one token that is accepted. Default: a made-up one, see `FakeCloudApi.accessToken`. */
  accessToken?: string | undefined
  /** With it, look-ups that carry an `appsecret_proof` must carry the right one. */
  appSecret?: string | undefined
  /**
   * True: a look-up without `appsecret_proof` is refused, as with Meta's setting "Require App Secret". Default false.
   */
  requireProof?: boolean | undefined
  /** The API's clock, in milliseconds. Default `Date.now`. */
  now?: (() => number) | undefined
  /** How long download URLs work. Default 300,000 ms, as Meta's. */
  urlLifetimeMs?: number | undefined
  /** How long media ids work. Default 7 days, as Meta's. */
  mediaLifetimeMs?: number | undefined
  /**
   * Answers at this origin, through `fetch` and `handlers` alone, and opens no socket. `https://graph.facebook.com`: as
   * Meta itself, with downloads at `https://lookaside.fbsbx.com` and `https://mmg.whatsapp.net`, so that the app under test needs no `cloudApi`. Others
   * end in `.test`, say, and have the downloads, too. Default: a server on a free port of the loopback.
   */
  origin?: string | undefined
}

/** A stand-in for Meta's API that answers in Meta's wire shapes: as a server, as a `fetch`, or as handlers for msw. */
export interface FakeCloudApi {
  /** Where it answers: `http://127.0.0.1:…`, or the option of this name. */
  origin: string
  /** For the library's option of the same name. */
  cloudApi: {
    /** Its origin. */
    baseUrl: string
    /** As in the paths of requests. */
    version: string
    /** Where its download URLs lead. */
    mediaHosts: readonly string[]
    /** Where the URLs of encrypted Flow files lead. A server has a port of its own for them. */
    flowMediaHosts: readonly string[]
  }
  /** The one token that is accepted. */
  accessToken: string
  /**
   * Answers requests for the API without a socket; all faults work as with a server. Fits `fromFetch`, for the option
   * `http`. It follows no redirects, and refuses other hosts, with a `TypeError`.
   */
  fetch: FakeFetch
  /**
   * Handlers for msw, for its `setupServer` or `server.use`. Give it msw's own `http`: this library does not load msw.
   */
  handlers<Handler>(http: MswHttp<Handler>): Handler[]
  /** Holds a file from now on. @throws InvalidOptionError for what is no file, and for a field that none has. */
  addMedia(media: FakeMedia): Promise<AddedMedia>
  /**
   * Holds a file that a customer picked in a Flow, encrypted, from now on: for the Flow's endpoint, and no look-up.
   *
   * @throws InvalidOptionError for what is no file.
   */
  addFlowMedia(media: FakeFlowMedia): Promise<AddedFlowMedia>
  /**
   * Spoils answers from now on. Of several faults for one request the first one counts.
   *
   * @throws InvalidOptionError for anything but a fault, such as one with a slip in `on`, `kind` or the name of a field:
   * it would hit nothing. Without a server, also for a status outside 200 to 599: a `Response` has no other. With a server,
   * `fetch` rejects with that error.
   */
  fail(fault: Fault): void
  /** Answers well again. */
  clearFaults(): void
  /** All requests so far. */
  readonly requests: readonly RecordedRequest[]
  /** The files that were uploaded so far, also those that were deleted since. Each has a media id, as added media has. */
  readonly uploads: readonly KeptUpload[]
  /** The messages that were accepted so far, also those whose answer a fault spoilt. */
  readonly messages: readonly KeptMessage[]
  /**
   * The statuses of the messages since the last call, for `buildWebhook` and `deliver`: `sent` and `delivered`, or `failed`
   * with code 131053 where Meta would not send the media.
   */
  takeStatuses(): KeptStatus[]
  /** The samples of templates that were uploaded so far, also those that are not whole. */
  listTemplateUploads(): TemplateUpload[]
  /** Ends its connections, and stops listening. */
  close(): Promise<void>
}

const FAKE_API_OPTIONS: OptionNames<FakeCloudApiOptions> = {
  ...{ accessToken: true, appSecret: true, requireProof: true, now: true, urlLifetimeMs: true },
  ...{ mediaLifetimeMs: true, origin: true, permissions: true, tokenExpiresAt: true, phoneNumberIds: true },
}

const WEEK_MS = 604_800_000
const META_ORIGIN = 'https://graph.facebook.com'
const META_MEDIA_ORIGIN = 'https://lookaside.fbsbx.com'
const META_FLOW_ORIGIN = 'https://mmg.whatsapp.net'

/**
 * Starts a fake Cloud API: media look-up, downloads with 5-minute URLs, uploads, messages and their statuses, token check,
 * deletion, the token's permissions (`me`, `debug_token`, phone number ids), and faults on demand.
 * The shapes are Meta's as recorded in public: hex hash and numeric size in look-ups, escaped slashes, unquoted
 * `filename` and `ETag` in downloads, HTTP 400 with code 100 and subcode 33 for unknown and expired ids.
 *
 * It is a server on the loopback, unless `origin` is given. Each form has the same media, faults and record of requests.
 *
 * @throws InvalidOptionError for an `origin` that is none.
 * @example
 * ```ts
 * import { archiveMedia } from 'whatsapp-media-archive'
 * import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
 * import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
 *
 * const api = await createFakeCloudApi()
 * const { reference } = await api.addMedia({ bytes: Buffer.from('hello'), mimeType: 'text/plain', mediaType: 'document' })
 * api.fail({ on: 'download', kind: 'reset', afterBytes: 2, times: 1 })
 * const { accessToken, cloudApi } = api
 * const options = { storage: createMemoryStorage(), accountId: 'acme', accessToken, cloudApi, waitScale: 0.001 }
 * console.log((await archiveMedia(reference, options)).size) // 5
 * console.log(api.requests.map(({ kind }) => kind)) // [ 'download', 'look-up', 'download' ]
 * await api.close()
 * ```
 * @example
 * ```ts
 * import { downloadMediaFromWhatsApp } from 'whatsapp-media-archive'
 * import { fromFetch } from 'whatsapp-media-archive/http'
 * import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
 *
 * // Without a socket. With msw: setupServer(...api.handlers(http)), and no option at all in the app.
 * const api = await createFakeCloudApi({ origin: 'https://graph.facebook.com' })
 * const { mediaId } = await api.addMedia({ bytes: Buffer.from('hello'), mimeType: 'text/plain', mediaType: 'document' })
 * const media = await downloadMediaFromWhatsApp(mediaId, { accessToken: api.accessToken, http: fromFetch(api.fetch) })
 * console.log(String(await media.bytes())) // hello
 * ```
 */
export async function createFakeCloudApi(options: FakeCloudApiOptions = {}): Promise<FakeCloudApi> {
  checkGlobals()
  checkOptions(options, FAKE_API_OPTIONS)
  const servers = options.origin === undefined ? [createServer(), createServer()] : []
  const [origin = checkOrigin(options.origin), cdnOrigin = origin] = await Promise.all(servers.map(listenOnLoopback))
  const state = createState(options, { origin, cdnOrigin })
  const { accessToken, mediaOrigin, flowOrigin, now } = state
  for (const server of servers) answerRequests(server, state)

  return {
    origin,
    cloudApi: { baseUrl: origin, version: 'v25.0', mediaHosts: [mediaOrigin], flowMediaHosts: [flowOrigin] },
    accessToken,
    fetch: createFakeFetch(state),
    handlers: (http) => createMswHandlers(http, state),
    ...{ requests: state.requests, uploads: state.uploads, messages: state.messages },
    takeStatuses: createStatusReader(state.messages),
    listTemplateUploads: () => [...state.templates.values()],
    async addMedia(media) {
      const held = toHeldMedia(media, now())
      state.media.set(held.mediaId, held)
      return announceMedia(held, signDownloadUrl({ mediaId: held.mediaId, source: 'webhook' }, state))
    },
    async addFlowMedia(media) {
      return holdFlowFile(media, state)
    },
    fail(fault) {
      checkFault(fault)
      if (servers.length === 0 && fault.kind === 'status') checkStatus(fault.status)
      state.faults.push({ ...fault, left: fault.times ?? Number.POSITIVE_INFINITY })
    },
    clearFaults() {
      state.faults = []
    },
    async close() {
      await Promise.all(servers.map(closeServer))
    },
  }
}

/** @param options `cdnOrigin`: where Flow files are, unless the API answers as Meta itself. */
function createState(
  options: FakeCloudApiOptions,
  { origin, cdnOrigin }: { origin: string; cdnOrigin: string },
): FakeApiState {
  const { accessToken = `EAAfake${randomBytes(24).toString('hex')}`, appSecret, now = Date.now } = options
  const { requireProof = false, urlLifetimeMs = 300_000, mediaLifetimeMs = WEEK_MS } = options
  const isMeta = origin === META_ORIGIN
  return {
    origin,
    mediaOrigin: isMeta ? META_MEDIA_ORIGIN : origin,
    flowOrigin: isMeta ? META_FLOW_ORIGIN : cdnOrigin,
    accessToken,
    appSecret,
    requireProof,
    account: options,
    now,
    urlLifetimeMs,
    mediaLifetimeMs,
    urlSecret: randomBytes(32),
    ...{ media: new Map(), flowFiles: new Map(), templates: new Map() },
    ...{ requests: [], uploads: [], messages: [], faults: [] },
  }
}

/** @throws InvalidOptionError unless it is an http(s) origin. */
function checkOrigin(origin: unknown): string {
  if (
    typeof origin === 'string' &&
    /^https?:\/\//.test(origin) &&
    URL.canParse(origin) &&
    new URL(origin).origin === origin
  )
    return origin
  const problem = `must be an origin such as https://cloud-api.test, without a path, got ${describeValue(origin)}`
  throw new InvalidOptionError({ option: 'origin', problem })
}

function answerRequests(server: Server, state: FakeApiState): void {
  server.on('request', (request, response) => {
    const { method, url, headers } = request
    const exchange = {
      request: { method: String(method), url: String(url), headers, body: request },
      response: toNodeResponse(response),
    }
    void answerApiRequest(exchange, state).catch(() => response.destroy())
  })
}

async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}

/** @returns the server's origin, on a free port. */
async function listenOnLoopback(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  /* v8 ignore next -- @preserve a server that listens on a port has an address object */
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}
