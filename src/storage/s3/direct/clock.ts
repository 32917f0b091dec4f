/** The store's time, as its answers tell it. */
export interface S3Clock {
  now(): Date
  /** By how much the store is ahead of this machine, in milliseconds. */
  offset(): number
  /** Sets the clock by an answer's headers. */
  correct(headers: { readonly date?: string | undefined; readonly age?: unknown }): void
}

/**
 * S3 refuses signatures that are 15 minutes off (AWS: Authenticating requests); the SDK corrects its clock from 4 on.
 */
const SKEW_MS = 240_000

export function createS3Clock(): S3Clock {
  let offset = 0
  return {
    now: () => new Date(Date.now() + offset),
    offset: () => offset,
    correct({ date = '', age }) {
      // A cache answers with the time of another day.
      const found = age === undefined ? Date.parse(date) - Date.now() : Number.NaN
      if (Math.abs(found - offset) >= SKEW_MS) offset = found
    },
  }
}
