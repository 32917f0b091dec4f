import type { IncomingHttpHeaders } from 'node:http'
import type { FakeAccount } from './account.js'
import type { CountedFault } from './faults.js'
import type { HeldMedia } from './media.js'

/** A request that the fake API got. */
export interface RecordedRequest {
  /** The request's target. */
  kind: 'look-up' | 'download' | 'delete' | 'other'
  /** The HTTP method. */
  method: string
  /** Path and query. */
  url: string
  /** By lower-case name. */
  headers: IncomingHttpHeaders
  /** The answer; undefined until one has begun, and when none ever does. */
  readonly status: number | undefined
}

/** The settings, media, requests and faults of one running fake API. */
export interface FakeApiState {
  readonly origin: string
  /** Where downloads are. */
  readonly mediaOrigin: string
  readonly accessToken: string
  readonly appSecret: string | undefined
  readonly requireProof: boolean
  readonly account: FakeAccount
  readonly now: () => number
  readonly urlLifetimeMs: number
  readonly mediaLifetimeMs: number
  /** Signs download URLs. */
  readonly urlSecret: Buffer
  /** By media id. */
  readonly media: Map<string, HeldMedia>
  readonly requests: RecordedRequest[]
  faults: CountedFault[]
}
