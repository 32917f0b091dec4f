/** A media id that Meta gave for an upload. Plain JSON. */
export interface CachedMediaId {
  /** Meta's id, for messages of the phone number that it was uploaded for. */
  mediaId: string
  /** When Meta deletes the media, in ISO 8601. */
  expiresAt: string
}

/**
 * Remembers media ids, so that a file that was uploaded once is not uploaded again while Meta keeps it.
 *
 * A key has up to 220 ASCII characters and names nobody: Meta's id of the phone number, the kind of media, the MIME type
 * and the SHA-256 of the bytes, with `:` between them.
 *
 * A call that throws, hangs or gives something else counts as a miss: it fails no upload. Losing entries costs an upload
 * each.
 */
export interface MediaIdCache {
  /** What was last set for the key; undefined when there is nothing. What has expired may be given: nobody uses it. */
  get(key: string): Promise<CachedMediaId | undefined>
  /** Keeps a value for the key, in place of an earlier one. After `expiresAt` it may be forgotten. */
  set(key: string, value: CachedMediaId): Promise<void>
  /** Forgets the key. An absent one is fine. */
  delete(key: string): Promise<void>
}
