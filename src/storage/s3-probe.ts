/** What `probeS3` found out about a store. */
export interface ProbeReport {
  bucket: string
  /** Absent for AWS itself. */
  endpoint?: string
  /** One for each name, in the order of `ProbeCheckName`. */
  checks: readonly ProbeCheck[]
}

export type ProbeCheckName =
  | 'write'
  | 'read'
  | 'head'
  | 'conditional-create'
  | 'checksum'
  | 'framing'
  | 'metadata'
  | 'response-overrides'
  | 'tags'
  | 'delete'

export interface ProbeCheck {
  name: ProbeCheckName
  /**
   * - `works`: does what this library needs
   * - `ignored`: was taken without an error, and not done. The dangerous one
   * - `refused`: the store said no
   * - `failed`: no answer, or none that makes sense
   * - `skipped`: could not be tested
   */
  verdict: 'works' | 'ignored' | 'refused' | 'failed' | 'skipped'
  /** One sentence: what the store did, and what follows from it. */
  detail: string
  /** Which of this library's promises is only best effort on this store. Absent where none suffers. */
  promise?: string
}

export interface ProbeOptions {
  /** What all keys of the probe start with; nothing else is read or written. Default `whatsapp-media-archive-probe/`. */
  prefix?: string
  /** Ends the probe with its reason, after cleaning up. */
  signal?: AbortSignal
  /** Fetches the signed URL, as a reader would. Default: the global `fetch`. */
  fetch?: (url: string, init: { signal: AbortSignal }) => Promise<Response>
  /** Milliseconds that one check may take; a store that says nothing for so long has failed it. Default 30,000. */
  timeoutMs?: number
}
