import { createHash } from 'node:crypto'
import { afterEach, beforeEach, vi } from 'vitest'
import type { ArchivedMedia } from '../../src/archive.js'
import type { MediaEvent } from '../../src/events.js'
import type { Account } from '../../src/media-archive/accounts.js'
import type { MediaFailure } from '../../src/media-archive/media-failure.js'
import { createMediaArchive, type MediaArchive, type MediaArchiveOptions } from '../../src/media-archive.js'
import type { MediaReference } from '../../src/media-reference.js'
import type { JobOutcome, MediaJob, MediaQueue } from '../../src/queues.js'
import { createMemoryStorage, type MemoryStorage } from '../../src/storage/memory.js'
import { createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'

/*
 * The scene of each test of an archive: a fake Cloud API, a memory storage, a queue that only keeps jobs, and what the
 * archive has reported. All of it is new before each test of a file that imports this one.
 */

export const jpeg = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(2_000, 'jpeg')])
export const sha256 = createHash('sha256').update(jpeg).digest('hex')
export const NUMBER = '106540352242922'
export const OTHER_NUMBER = '106540352242999'
export const DAY_MS = 86_400_000

/** Long enough for a busy machine. */
export const WITHIN_SECONDS = { timeout: 10_000 }

export let api: FakeCloudApi
export let storage: MemoryStorage
export let events: MediaEvent[]
export let archived: ArchivedMedia[]
export let failed: MediaFailure[]
export let queued: MediaJob[]
export let queue: MediaQueue

beforeEach(async () => {
  api = await createFakeCloudApi()
  storage = createMemoryStorage()
  events = []
  archived = []
  failed = []
  queued = []
  queue = { enqueue: async (jobs) => void queued.push(...jobs) }
})

afterEach(async () => {
  vi.useRealTimers()
  await api.close()
})

export const buildAccount = (more: Partial<Account> = {}): Account => ({
  accountId: 'pixels',
  accessToken: api.accessToken,
  ...more,
})

/** One attempt a call, so that no test waits for a second one. */
export const create = (more: Partial<MediaArchiveOptions> = {}): MediaArchive =>
  createMediaArchive({
    storage,
    accounts: (phoneNumberId) => (phoneNumberId === NUMBER ? buildAccount() : undefined),
    queue,
    cloudApi: api.cloudApi,
    attempts: 1,
    onArchived: (media) => archived.push(media),
    onFailed: (failure) => failed.push(failure),
    onEvent: (event) => events.push(event),
    ...more,
  })

export const addPhoto = async (more: object = {}): Promise<MediaReference> =>
  (await api.addMedia({ bytes: jpeg, mimeType: 'image/jpeg', mediaType: 'image', ...more })).reference

/** A photo without the webhook's URL, so that it is looked up. */
export const addFreshPhoto = async (): Promise<MediaReference> => {
  const { downloadUrl, downloadUrlExpiresAt, ...reference } = await addPhoto()
  return reference
}

export const addGoneMedia = async (): Promise<MediaReference> => ({ ...(await addFreshPhoto()), mediaId: '404404' })

export const listTypes = (): string[] => events.map(({ type }) => type)

export const never = (): Promise<never> => new Promise(() => {})

export const throwing = (error: unknown) => (): never => {
  throw error
}
export const buildJob = (media: MediaReference, more: object = {}): MediaJob => ({
  version: 1,
  accountId: 'pixels',
  media,
  ...more,
})

export const runJob = (archive: MediaArchive, media: MediaReference, attempt = 1): Promise<JobOutcome> =>
  archive.processJob(buildJob(media), { attempt })

/** Runs the job that the last outcome keeps. */
export const runAgain = (archive: MediaArchive, last: JobOutcome, attempt: number): Promise<JobOutcome> =>
  archive.processJob('job' in last ? last.job : buildJob({} as MediaReference), { attempt })

export const addAged = async (ageMs: number): Promise<MediaReference> => ({
  ...(await addFreshPhoto()),
  timestamp: new Date(Date.now() - ageMs).toISOString(),
})

/** Runs jobs of one account's number with a token function; `reasons` are those that it was asked with. */
export const createWithFunction = (
  give: (reason: string) => string | undefined,
): { archive: MediaArchive; reasons: string[] } => {
  const reasons: string[] = []
  const accessToken = (reason: string): string | undefined => {
    reasons.push(reason)
    return give(reason)
  }
  return { archive: create({ accounts: () => buildAccount({ accessToken }) }), reasons }
}
export const countLookUps = (): number => api.requests.filter(({ kind }) => kind === 'look-up').length
