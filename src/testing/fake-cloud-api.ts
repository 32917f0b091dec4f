import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import type { FakeAccount } from './fake-cloud-api/account.js'
import { answerApiRequest } from './fake-cloud-api/answer-api-request.js'
import type { Fault } from './fake-cloud-api/faults.js'
import { type AddedMedia, announceMedia, type FakeMedia, toHeldMedia } from './fake-cloud-api/media.js'
import { signDownloadUrl } from './fake-cloud-api/sign-download-url.js'
import type { FakeApiState, RecordedRequest } from './fake-cloud-api/state.js'

export type { FakeAccount } from './fake-cloud-api/account.js'
export type { Fault, FaultKind } from './fake-cloud-api/faults.js'
export type { AddedMedia, FakeMedia } from './fake-cloud-api/media.js'
export type { RecordedRequest } from './fake-cloud-api/state.js'

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
}

/** A stand-in for Meta's API: a real HTTP server on the loopback that answers in Meta's wire shapes. */
export interface FakeCloudApi {
  /** Where it listens: `http://127.0.0.1:…`. */
  origin: string
  /** For the library's option of the same name. */
  cloudApi: { baseUrl: string; version: string; mediaHosts: readonly string[] }
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

const FAKE_API_OPTIONS: OptionNames<FakeCloudApiOptions> = {
  ...{ accessToken: true, appSecret: true, requireProof: true, now: true, urlLifetimeMs: true },
  ...{ mediaLifetimeMs: true, permissions: true, tokenExpiresAt: true, phoneNumberIds: true },
}

const WEEK_MS = 604_800_000

/**
 * Starts a fake Cloud API: media look-up, downloads with 5-minute URLs, token check, deletion, the token's permissions
 * (`me`, `debug_token`, phone number ids), and faults on demand.
 * The shapes are Meta's as recorded in public: hex hash and numeric size in look-ups, escaped slashes, unquoted
 * `filename` and `ETag` in downloads, HTTP 400 with code 100 and subcode 33 for unknown and expired ids.
 */
export async function createFakeCloudApi(options: FakeCloudApiOptions = {}): Promise<FakeCloudApi> {
  checkOptions(options, FAKE_API_OPTIONS)
  const { accessToken = `EAAfake${randomBytes(24).toString('hex')}`, appSecret, now = Date.now } = options
  const { requireProof = false, urlLifetimeMs = 300_000, mediaLifetimeMs = WEEK_MS } = options
  const server = createServer()
  const origin = await listenOnLoopback(server)
  const state: FakeApiState = {
    origin,
    accessToken,
    appSecret,
    requireProof,
    account: options,
    now,
    urlLifetimeMs,
    mediaLifetimeMs,
    urlSecret: randomBytes(32),
    media: new Map(),
    requests: [],
    faults: [],
  }
  server.on('request', (request, response) => {
    void answerApiRequest({ request, response }, state).catch(() => response.destroy())
  })

  return {
    origin,
    cloudApi: { baseUrl: origin, version: 'v25.0', mediaHosts: [origin] },
    accessToken,
    requests: state.requests,
    async addMedia(media) {
      const held = toHeldMedia(media, now())
      state.media.set(held.mediaId, held)
      return announceMedia(held, signDownloadUrl({ mediaId: held.mediaId, source: 'webhook' }, state))
    },
    fail(fault) {
      state.faults.push({ ...fault, left: fault.times ?? Number.POSITIVE_INFINITY })
    },
    clearFaults() {
      state.faults = []
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** @returns the server's origin, on a free port. */
async function listenOnLoopback(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  /* v8 ignore next -- @preserve a server that listens on a port has an address object */
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}
