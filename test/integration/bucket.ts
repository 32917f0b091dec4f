import { randomUUID } from 'node:crypto'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { createS3Storage, type S3StorageOptions } from '../../src/storage/s3.js'
import type { ObjectStorage } from '../../src/storage.js'
import type { StorageLack } from '../../src/testing/storage-conformance/context.js'

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

export const KINDS = ['own client', 'given client with defaults', 'given client, tuned'] as const
export type Kind = (typeof KINDS)[number]

/** The storage's options with the client it makes itself, or with an app's: as the SDK makes it, or tuned for compatible stores. */
export function optionsFor(bucket: string, kind: Kind): S3StorageOptions {
  if (kind === 'own client') return { bucket, endpoint }
  const tuned = { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' } as const
  // The SDK tells the console that streams can't be retried; an app's client may do so, a test run need not.
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  const more = kind === 'given client, tuned' ? tuned : {}
  return { bucket, client: new S3Client({ endpoint, forcePathStyle: true, logger, ...more }) }
}

export function openStorage(bucket: string, kind: Kind): ObjectStorage {
  return createS3Storage(optionsFor(bucket, kind))
}

/** Whether the server is reached over https. The proxies of these tests speak it on their far side. */
const { hostname, port: named, protocol } = new URL(endpoint)
export const isSecure = protocol === 'https:'

/** The address of the server, for proxies before it. */
export const target = { host: hostname, port: Number(named), isSecure }
export { server }
