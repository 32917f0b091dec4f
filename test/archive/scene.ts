import { createHash } from 'node:crypto'
import { afterEach, beforeEach, vi } from 'vitest'
import type { ArchiveOptions } from '../../src/archive.js'
import type { MediaEvent } from '../../src/events.js'
import type { MediaReference } from '../../src/media-reference.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'

/*
 * The scene of each test of `archiveMedia`: a fake Cloud API, a memory storage, and the events so far. All of it is new
 * before each test of a file that imports this one.
 */

// The first bytes of a JPEG, so that type and bytes agree.
export const jpeg = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(150_000, 'jpeg')])
export const sha256 = createHash('sha256').update(jpeg).digest('hex')

export let api: FakeCloudApi
export let storage: ReturnType<typeof createMemoryStorage>
export let events: MediaEvent[]

beforeEach(async () => {
  api = await createFakeCloudApi()
  storage = createMemoryStorage()
  events = []
})

afterEach(async () => {
  vi.useRealTimers()
  await api.close()
})

export const options = (more: Partial<ArchiveOptions> = {}): ArchiveOptions => ({
  storage,
  accountId: 'pixels',
  accessToken: api.accessToken,
  cloudApi: api.cloudApi,
  onEvent: (event) => events.push(event),
  ...more,
})

export const photo = async (more: object = {}): Promise<MediaReference> =>
  (await api.addMedia({ bytes: jpeg, mimeType: 'image/jpeg', mediaType: 'image', ...more })).reference

export const without = (reference: MediaReference, ...names: (keyof MediaReference)[]): MediaReference => {
  const copy: Partial<MediaReference> = { ...reference }
  for (const name of names) delete copy[name]
  return copy as MediaReference
}

/** A photo whose URL the webhook did not tell. */
export const freshPhoto = async (): Promise<MediaReference> => without(await photo(), 'downloadUrl')

export const asked = (): string[] => api.requests.map(({ kind }) => kind)
