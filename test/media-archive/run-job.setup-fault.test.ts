import { expect, it, vi } from 'vitest'
import { StorageFailedError } from '../../src/errors.js'
import {
  addAged,
  addFreshPhoto,
  api,
  create,
  DAY_MS,
  events,
  failed,
  runAgain,
  runJob,
  storage,
} from './archive-scene.js'

const refusing = (fault: { reason: string; status?: number; retryable?: boolean }) => {
  const put = vi.spyOn(storage, 'put').mockImplementation(async (key) => {
    throw new StorageFailedError({ operation: 'put', key, retryable: false, ...fault })
  })
  return { archive: create(), mend: () => put.mockRestore() }
}

it.each([
  { reason: 'package-missing' },
  { reason: 'region-missing' },
  { reason: 'CredentialsProviderError' },
  { reason: 'ExpiredToken', status: 400 },
  { reason: 'SignatureDoesNotMatch', status: 403 },
  { reason: 'AccessDenied', status: 403 },
  { reason: 'KMS.DisabledException', status: 400 },
  { reason: 'QuotaExceeded', status: 403 },
  { reason: 'NoSuchBucket', status: 404 },
  { reason: 'PermanentRedirect', status: 301 },
  { reason: 'NotImplemented', status: 501 },
  { reason: 'SomethingNew', status: 400 },
  { reason: 'ENOSPC', retryable: true },
  { reason: 'EROFS' },
  { reason: 'directory-unusable' },
  { reason: 'not-a-plain-file' },
])('a job waits while the storage fails for %o, and is archived once that is mended', async (fault) => {
  const { archive, mend } = refusing(fault)
  vi.spyOn(Math, 'random').mockReturnValue(0)
  vi.useFakeTimers({ toFake: ['Date'] })
  const backlog = await Promise.all(Array.from({ length: 6 }, addFreshPhoto))
  const [first, ...others] = await Promise.all(backlog.slice(0, 4).map((media) => runJob(archive, media)))
  for (const outcome of [first, ...others]) {
    expect(outcome).toMatchObject({
      outcome: 'retry',
      afterSeconds: 5,
      isAttempt: false,
      error: { reason: fault.reason },
    })
  }
  const paused = { type: 'account-paused', accountId: 'pixels', forSeconds: 5, reason: 'storage' }
  expect(events.filter(({ type }) => type === 'account-paused')).toEqual([paused])
  const requests = api.requests.length
  for (const media of backlog.slice(4)) {
    expect(await runJob(archive, media)).toMatchObject({ outcome: 'retry', afterSeconds: 5, isAttempt: false })
  }
  expect(api.requests).toHaveLength(requests)
  vi.setSystemTime(Date.now() + 5_000)
  expect(first && (await runAgain(archive, first, 1))).toMatchObject({ outcome: 'retry', afterSeconds: 10 })
  vi.setSystemTime(Date.now() + 10_000)
  mend()
  for (const media of backlog) expect(await runJob(archive, media)).toEqual({ outcome: 'done' })
  expect(failed).toEqual([])
})

it.each([{ reason: 'KeyTooLongError', status: 400 }, { reason: 'EntityTooLarge', status: 413 }, { reason: 'EISDIR' }])(
  'a job is given up for %o, which is about the object',
  async (fault) => {
    const { archive } = refusing(fault)
    expect(await runJob(archive, await addFreshPhoto())).toMatchObject({ outcome: 'dead-letter', error: fault })
    expect(failed).toHaveLength(1)
  },
)

it('a fault that may pass is retried by its own job', async () => {
  const { archive } = refusing({ reason: 'SlowDown', status: 503, retryable: true })
  expect(await runJob(archive, await addFreshPhoto())).toMatchObject({ outcome: 'retry', isAttempt: true })
})

it('credentials that are renewed at a refusal cost no attempt', async () => {
  vi.spyOn(storage, 'put').mockImplementationOnce(async (key, body) => {
    body.destroy()
    throw new StorageFailedError({ operation: 'put', key, reason: 'ExpiredToken', status: 400, retryable: true })
  })
  expect(await runJob(create(), await addFreshPhoto())).toEqual({ outcome: 'done' })
  expect(events.map(({ type }) => type)).toEqual(['archived'])
})

it('media that Meta has deleted is given up, though the storage is not mended', async () => {
  const { archive } = refusing({ reason: 'region-missing' })
  expect(await runJob(archive, await addAged(8 * DAY_MS))).toMatchObject({
    outcome: 'dead-letter',
    error: { code: 'storage-failed', reason: 'region-missing' },
  })
})
