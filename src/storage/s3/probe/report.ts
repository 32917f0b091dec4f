/** What `probeS3` found out about a store. */
export interface ProbeReport {
  /** The bucket that was probed. */
  bucket: string
  /** Where the requests went. Absent for AWS itself, unless a given client names it. */
  endpoint?: string
  /** One for each name, in the order of `ProbeCheckName`. */
  checks: readonly ProbeCheck[]
}

/** What a check looks at. */
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

/** What one check found out. */
export interface ProbeCheck {
  /** What was checked. */
  name: ProbeCheckName
  /**
   * - `works`: does what this library needs
   * - `ignored`: was taken without an error, and not done. The dangerous one
   * - `refused`: the store said no
   * - `failed`: no answer, or none that makes sense
   * - `skipped`: could not be tested
   */
  verdict: 'works' | 'ignored' | 'refused' | 'failed' | 'skipped'
  /** What the store did, and what follows from it. Holds no secret. */
  detail: string
  /** Which of this library's promises is only best effort on this store. Absent where none suffers. */
  promise?: string
}

export type ProbeVerdict = Omit<ProbeCheck, 'name'>
