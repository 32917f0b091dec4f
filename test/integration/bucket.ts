import { randomUUID } from 'node:crypto'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { createS3Storage } from '../../src/storage/s3.js'
import type { ObjectStorage } from '../../src/storage.js'
import type { StorageLack } from '../../src/testing/storage-conformance-context.js'

const { S3_ENDPOINT: endpoint = '', S3_SERVER: server = '' } = process.env

/** What each server is known to lack: its cases then expect the documented fallback. */
const LACKS: Readonly<Record<string, readonly StorageLack[]>> = {
  // Version 16 knows no checksums, but checks the body's hash in the signature.
  ceph16: [],
  ceph20: [],
  // moto stores what it gets, and checks neither signatures nor expiry.
  moto: ['checksum', 'signature-check', 'expiry-check'],
}

export const lacks = LACKS[server] ?? []

/** A bucket of its own on the server under test. */
export async function createBucket(): Promise<string> {
  const bucket = `test-${randomUUID()}`
  const client = new S3Client({ endpoint, forcePathStyle: true })
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  client.destroy()
  return bucket
}

/** Our storage on that bucket, with the client it makes itself, or with the SDK's default client as an app may give it. */
export function openStorage(bucket: string, kind: 'own client' | 'given client'): ObjectStorage {
  if (kind === 'own client') return createS3Storage({ bucket, endpoint })
  // The SDK tells the console that streams can't be retried; an app's client may do so, a test run need not.
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  return createS3Storage({ bucket, client: new S3Client({ endpoint, forcePathStyle: true, logger }) })
}

/** The address of the server, for proxies before it. */
export const { hostname: host, port } = new URL(endpoint)
