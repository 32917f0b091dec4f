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
  { reason: 'package-broken' },
  { reason: 'package-too-old' },
  { reason: 'region-missing' },
  { reason: 'region-malformed' },
  { reason: 'credentials-expired' },
  { reason: 'CredentialsProviderError' },
  { reason: 'ExpiredToken', status: 400 },
  { reason: 'AuthorizationHeaderMalformed', status: 400 },
  { reason: 'InvalidAccessKeyId', status: 403 },
  { reason: 'SignatureDoesNotMatch', status: 403 },
  { reason: 'AccessDenied', status: 403 },
  { reason: 'Unauthorized', status: 401 },
  { reason: 'NoSuchBucket', status: 404 },
  { reason: 'PermanentRedirect', status: 301 },
  { reason: 'EACCES' },
  { reason: 'EROFS' },
])('a job waits while the storage fails for %o, and is archived once that is mended', async (fault) => {
  const { archive, mend } = refusing(fault)
  const media = await addFreshPhoto()
  const first = await runJob(archive, media)
  expect(first).toMatchObject({ outcome: 'retry', afterSeconds: 60, isAttempt: false, error: { reason: fault.reason } })
  expect(events).toContainEqual({ type: 'account-paused', accountId: 'pixels', forSeconds: 60, reason: 'storage' })
  const requests = api.requests.length
  expect(await runJob(archive, await addFreshPhoto())).toMatchObject({ outcome: 'retry', isAttempt: false })
  expect(api.requests).toHaveLength(requests)
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(Date.now() + 60_000)
  expect(await runAgain(archive, first, 1)).toMatchObject({ outcome: 'retry', afterSeconds: 120 })
  vi.setSystemTime(Date.now() + 120_000)
  mend()
  expect(await runAgain(archive, first, 1)).toEqual({ outcome: 'done' })
  expect(failed).toEqual([])
})

it.each([
  { reason: 'KeyTooLongError', status: 400 },
  { reason: 'EntityTooLarge', status: 413 },
  { reason: 'EISDIR' },
  { reason: 'NotImplemented', status: 501 },
])('a job is given up for %o, which is about the object', async (fault) => {
  const { archive } = refusing(fault)
  expect(await runJob(archive, await addFreshPhoto())).toMatchObject({ outcome: 'dead-letter', error: fault })
  expect(failed).toHaveLength(1)
})

it('a fault that may pass is retried by its own job', async () => {
  const { archive } = refusing({ reason: 'AccessDenied', status: 403, retryable: true })
  expect(await runJob(archive, await addFreshPhoto())).toMatchObject({ outcome: 'retry', isAttempt: true })
})

it('media that Meta has deleted is given up, though the storage is not mended', async () => {
  const { archive } = refusing({ reason: 'region-missing' })
  expect(await runJob(archive, await addAged(8 * DAY_MS))).toMatchObject({
    outcome: 'dead-letter',
    error: { code: 'storage-failed', reason: 'region-missing' },
  })
})
