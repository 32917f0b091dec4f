import type { OnEvent } from '../events.js'
import type { HttpClient } from '../http/client.js'
import type { MaxBytes } from '../integrity/max-bytes.js'
import type { CheckedTimeouts, Deadlines } from '../timing/deadlines.js'
import type { CloudApi } from './cloud-api.js'

/** The checked options of a download, the same for all attempts. */
export interface ResolvedDownload {
  cloudApi: CloudApi
  http: HttpClient
  timeouts: CheckedTimeouts
  maxBytes: MaxBytes | undefined
  appSecret: string | undefined
  onEvent: OnEvent | undefined
}

/** One attempt to get a media item. */
export interface Attempt {
  download: ResolvedDownload
  accessToken: string
  deadlines: Deadlines
  report: (note: AttemptNote) => void
  /**
   * How an archive judges a size or hash that is announced wrongly: `report` lets the bytes decide. Left out by a reader,
   * who gets no such bytes.
   */
  integrity?: 'strict' | 'report' | undefined
}

/** Meta accepted the token in a look-up, or a URL led to a host outside the configuration. */
export type AttemptNote = { type: 'looked-up' } | { type: 'host-refused'; host: string }
