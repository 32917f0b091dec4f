import { defined, findId, isObject, parseSha256, readOwn, readString } from '../json.js'
import type { MediaReference } from '../media-reference.js'

/** A file as a Flow endpoint's request has it. What is missing or malformed is absent, or empty among the keys. */
export type EndpointFile = Pick<MediaReference, 'sha256' | 'filename' | 'downloadUrl'> &
  Required<Pick<MediaReference, 'encryption'>> & { mediaId?: string | undefined }

/** Whether it is the request as Meta sends it, which takes the endpoint's private key to read (Meta: Flows, Implementing endpoints). */
export function isEncryptedRequest(request: unknown): boolean {
  return readOwn(request, 'encrypted_flow_data') !== undefined
}

/**
 * The files in a decrypted request (Meta: Flows, Media upload). The pickers' names are the Flow author's, so files are
 * known by their shape, wherever they stand.
 */
export function readEndpointFiles(request: unknown): EndpointFile[] {
  const files: EndpointFile[] = []
  // A list, not recursion: the request may be nested as deep as its sender likes. A set, for an object that holds itself.
  const pending = new Set([request])
  for (const value of pending) {
    if (typeof value !== 'object' || value === null) continue
    if (isEndpointFile(value)) files.push(readEndpointFile(value))
    else for (const item of Object.values(value)) pending.add(item)
  }
  return files
}

function isEndpointFile(value: object): boolean {
  return readString(value, 'cdn_url') !== undefined || isObject(readOwn(value, 'encryption_metadata'))
}

function readEndpointFile(wire: object): EndpointFile {
  const keys = readOwn(wire, 'encryption_metadata')
  return {
    encryption: {
      encryptedSha256: parseSha256(readOwn(keys, 'encrypted_hash')) ?? '',
      encryptionKey: readString(keys, 'encryption_key') ?? '',
      iv: readString(keys, 'iv') ?? '',
      hmacKey: readString(keys, 'hmac_key') ?? '',
    },
    ...defined({
      mediaId: findId(wire, 'media_id'),
      downloadUrl: readString(wire, 'cdn_url'),
      filename: readString(wire, 'file_name'),
      sha256: parseSha256(readOwn(keys, 'plaintext_hash')),
    }),
  }
}
