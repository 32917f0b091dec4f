import { defined } from '../../json.js'
import type { StoredObject } from '../../storage.js'
import type { R2BoundObject } from './binding.js'

/** Of objects that something else stored without a type. */
const UNKNOWN_TYPE = 'application/octet-stream'

/** The object as storages describe it. */
export function describeBound(found: R2BoundObject): StoredObject {
  const { key, size, httpEtag: etag, httpMetadata: headers, customMetadata: metadata = {} } = found
  const { contentType = UNKNOWN_TYPE, contentDisposition } = { ...headers }
  return { key, size, etag, contentType, metadata, ...defined({ sha256: readBoundHash(found), contentDisposition }) }
}

/** R2's own hash; of an object that another program stored without one, the hash in its metadata. */
export function readBoundHash({ checksums, customMetadata }: R2BoundObject): string | undefined {
  return checksums.sha256 === undefined ? customMetadata?.['sha256'] : Buffer.from(checksums.sha256).toString('hex')
}
