import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { startDemoServer } from '../../src/cli/demo/server.js'
import { type DemoStorage, openTemporaryFolder } from '../../src/cli/demo/storage.js'
import { getSignedUrl, type SigningOptions } from '../../src/signed-url.js'
import { type UploadOptions, uploadToS3 } from '../../src/upload.js'
import { createBucket, openStorage } from '../integration/bucket.js'

export type PlaceName = 'the file system' | 'Ceph'
export const PLACES: readonly PlaceName[] = ['the file system', 'Ceph']

/** A storage whose signed URLs a browser can open. */
export async function openPlace(name: PlaceName): Promise<DemoStorage> {
  if (name === 'Ceph') {
    const storage = openStorage(await createBucket(), 'own client')
    return { name, end: 'The objects stay in the bucket.', storage, close: async () => storage.close?.() }
  }
  const server = await startDemoServer()
  const folder = await openTemporaryFolder(server)
  return {
    ...folder,
    async close() {
      await server.close()
      await folder.close()
    },
  }
}

/** Stores as any app does. @returns the key */
export async function store(
  { storage }: DemoStorage,
  bytes: Buffer,
  options: Pick<UploadOptions, 'mimeType' | 'filename' | 'sniff'>,
): Promise<string> {
  const { key } = await uploadToS3(bytes, { storage, accountId: 'acme', ...options })
  return key
}

/** Stores as an app did that believed the sender. */
export async function storeUnchecked(
  { storage }: DemoStorage,
  bytes: Buffer,
  { key, contentType }: { key: string; contentType: string },
): Promise<string> {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const size = bytes.byteLength
  const options = { size, sha256, contentType, contentDisposition: 'inline', ifAbsent: true }
  await storage.put(key, Readable.from([bytes], { objectMode: false }), options)
  return key
}

export function sign({ storage }: DemoStorage, key: string, options: Partial<SigningOptions> = {}): Promise<string> {
  return getSignedUrl(key, {
    storage,
    ...(options.accountId === undefined ? { anyAccount: true } : {}),
    ...options,
  } as SigningOptions)
}
