/** The findings of `probeS3` about a store. */
export interface ProbeReport {
  /** The bucket that was probed. */
  bucket: string
  /** Where the requests went. Absent for AWS itself, unless a given client names it. */
  endpoint?: string | undefined
  /** One for each name, in the order of `ProbeCheckName`. */
  checks: readonly ProbeCheck[]
}

/** The subject of a check. */
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

/** The finding of one check. */
export interface ProbeCheck {
  /** The check's name. */
  name: ProbeCheckName
  /**
   * - `works`: the store behaves as this library needs
   * - `ignored`: was taken without an error, and not done. The dangerous one
   * - `refused`: the store said no
   * - `failed`: no answer, or none that makes sense
   * - `skipped`: could not be tested
   */
  verdict: 'works' | 'ignored' | 'refused' | 'failed' | 'skipped'
  /** How the store behaved, and the consequence. Holds no secret. */
  detail: string
  /** Which of this library's promises is only best effort on this store. Absent where none suffers. */
  promise?: string | undefined
}

export type ProbeVerdict = Omit<ProbeCheck, 'name'>
