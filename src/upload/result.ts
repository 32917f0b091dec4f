import { defined } from '../json.js'
import type { WantedMedia } from '../media-reference.js'
import type { ObjectStorage, StoredObject } from '../storage.js'
import { within } from '../timing/abort.js'

/** An object that the storage has acknowledged, with the right bytes. */
export interface StoredMedia {
  /** The object's key in its storage. */
  key: string
  /** Absent for storages without buckets. */
  bucket?: string | undefined
  /**
   * The object's permanent address. Private: hand out signed URLs, made when somebody reads. Where the storage
   * fails to tell it, or not within 5 seconds: `s3://{bucket}/{key}`, or without a bucket the storage's name and the key.
   */
  url: string
  /** The store's tag for this version of the object. */
  etag?: string | undefined
  /** Bytes. */
  size: number
  /** Lowercase hex. */
  sha256: string
  /** As declared. */
  mimeType: string
  /** The sender's name for the file. */
  filename?: string | undefined
  /** True when the object existed with these very bytes, or when this call's put lost its answer. */
  alreadyStored: boolean
  /**
   * How sure the stored bytes are. `announced`: they have the hash that WhatsApp announced. `unannounced`: WhatsApp
   * announced no hash, and they were only hashed here. `mismatch-reported`: they have another hash than announced, which
   * `integrity: 'report'` allows.
   */
  integrity: 'announced' | 'unannounced' | 'mismatch-reported'
  /**
   * True when the same media will get the same key again: false without media id, media type or timestamp, and for a
   * reference whose MIME type the look-up had to tell.
   */
  keyIsStable: boolean
}

/** The place of an object. */
export interface ObjectPlace {
  storage: ObjectStorage
  key: string
  /** See `StoredMedia`. */
  keyIsStable: boolean
}

/** Media whose bytes are stored: its id may be unknown, its type is not. */
export type StorableMedia = Omit<WantedMedia, 'mediaId'> & {
  readonly mediaId?: string | undefined
  readonly mimeType: string
}

/** The result for an object that was there already, with the right bytes. */
export function buildFoundResult(found: StoredObject, media: StorableMedia, place: ObjectPlace): Promise<StoredMedia> {
  const { size, sha256 = '', etag } = found
  return buildStoredResult({ size, sha256, etag, alreadyStored: true }, media, place)
}

/** The result for an object that the storage has acknowledged. */
export async function buildStoredResult(
  object: { size: number; sha256: string; etag: string | undefined; alreadyStored: boolean },
  { mimeType, filename, sha256: announcedSha256 }: StorableMedia,
  { storage, key, keyIsStable }: ObjectPlace,
): Promise<StoredMedia> {
  const url = await findAddress(storage, key)
  const { size, sha256, etag, alreadyStored } = object
  const integrity = judgeIntegrity(sha256, announcedSha256)
  return {
    key,
    url,
    size,
    sha256,
    mimeType,
    alreadyStored,
    integrity,
    keyIsStable,
    ...defined({ bucket: storage.bucket, etag, filename }),
  }
}

/** The most milliseconds to wait for an address: the object is stored, whatever becomes of it. */
const ADDRESS_MS = 5_000

async function findAddress(storage: ObjectStorage, key: string): Promise<string> {
  const { name, bucket } = storage
  const otherwise = (): string => (bucket === undefined ? `${name}:${key}` : `s3://${bucket}/${key}`)
  return within(ADDRESS_MS, storage.address(key), { otherwise }).catch(otherwise)
}

function judgeIntegrity(sha256: string, announcedSha256: string | undefined): StoredMedia['integrity'] {
  if (announcedSha256 === undefined) return 'unannounced'
  return sha256 === announcedSha256 ? 'announced' : 'mismatch-reported'
}
