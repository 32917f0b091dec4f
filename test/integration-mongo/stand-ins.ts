/** What the integration snippet takes from its surroundings: the same names, on this machine alone. */
import express, { type Express } from 'express'
import { createMediaArchive as create, type MediaArchive, type MediaArchiveOptions } from 'whatsapp-media-archive'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { ObjectStorage } from '../../src/storage.js'
import { createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'

export const appSecret = 'example-app-secret'
export const verifyToken = 'example-verify-token'
export const app: Express = express()
export const api: FakeCloudApi = await createFakeCloudApi()
process.env['WHATSAPP_TOKEN'] = api.accessToken

const memory = createMemoryStorage()
export const keys = (): string[] => memory.keys()

/** In memory; its URLs lead nowhere. */
export function createS3Storage(_options: { bucket: string; region: string }): ObjectStorage {
  return {
    ...memory,
    signedUrl: async (key, { expiresIn }) => ({
      url: `https://signed.example/${key}`,
      expiresAt: new Date(Date.now() + expiresIn * 1_000),
    }),
  }
}

/** With the fake Cloud API in Meta's place. */
export function createMediaArchive(options: MediaArchiveOptions): MediaArchive {
  return create({ ...options, cloudApi: api.cloudApi })
}
