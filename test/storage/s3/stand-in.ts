import { S3Client } from '@aws-sdk/client-s3'
import { HttpResponse } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { createS3Storage, type S3ObjectOptions } from '../../../src/storage/s3.js'
import type { ObjectStorage, PutOptions } from '../../../src/storage.js'

/** Stands for the store, in each file that calls `useServer`. */
export const server = setupServer()

export function useServer(): void {
  beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
  afterEach(() => server.resetHandlers())
  afterAll(() => server.close())
}

export const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
export const endpoint = 'http://s3.internal.test:9000'
export const object = `${endpoint}/media/a/b.jpg`
export const sha256 = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'
export const base64 = Buffer.from(sha256, 'hex').toString('base64')

export const open = (more: S3ObjectOptions = {}) =>
  createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint, credentials, ...more })

export const putOptions = (more: Partial<PutOptions> = {}): PutOptions => ({
  size: 5,
  sha256,
  contentType: 'image/jpeg',
  contentDisposition: 'inline',
  ifAbsent: true,
  ...more,
})

export const s3Error = (status: number, code: string): Response =>
  HttpResponse.xml(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>it failed</Message></Error>`, { status })

export const takeBody = async ({ request }: { request: Request }): Promise<Response> => {
  await request.text()
  return new HttpResponse(null, { status: 200 })
}

/** As a client of an app's own may be, apart from what it says on the console. */
export const openGiven = (more: S3ObjectOptions = {}): ObjectStorage => {
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  const client = new S3Client({ region: 'eu-central-1', endpoint, credentials, forcePathStyle: true, logger })
  return createS3Storage({ bucket: 'media', client, ...more })
}
