import { afterEach, expect, it, vi } from 'vitest'
import { AccessTokenError, GraphApiError, StorageFailedError } from '../../src/errors.js'
import { createPauseLog } from '../../src/media-archive/pause-log.js'
import { addFreshPhoto, buildAccount, create, runJob } from './archive-scene.js'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const listen = () => vi.spyOn(console, 'error').mockImplementation(() => {})

it('createPauseLog tells each reason of a pause, and its advice, once a minute at most', () => {
  const spy = listen()
  const log = createPauseLog()
  const missing = new AccessTokenError({ reason: 'missing', account: 'acme' })
  const limit = new GraphApiError({ status: 429, retryable: true })
  const fault = new StorageFailedError({ operation: 'put', key: 'k', reason: 'region-missing', retryable: false })
  for (const phoneNumberId of ['1', '2']) {
    log({ accountId: 'acme', forSeconds: 60, reason: 'access-token', phoneNumberId }, missing)
  }
  log({ accountId: 'acme', forSeconds: 90, reason: 'rate-limit' }, limit)
  log({ accountId: 'acme', forSeconds: 120, reason: 'storage' }, fault)
  const lines = spy.mock.calls.map(([line]) => String(line))
  expect(lines).toHaveLength(3)
  expect(lines[0]).toMatch(
    /jobs of account acme wait for 60 seconds \(access-token\)\. Renew .* onEvent .*\n.*AccessTokenError: The access token/,
  )
  expect(lines[1]).toMatch(/acme wait for 90 seconds \(rate-limit\)/)
  expect(lines[2]).toMatch(/acme wait for 120 seconds \(storage\)\. Mend what the error names.*\n.*region-missing/)
})

it('createPauseLog tells one line of a token that thousands of accounts share, and counts them in the next', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const spy = listen()
  const log = createPauseLog()
  const missing = new AccessTokenError({ reason: 'missing', account: 'acme' })
  const pauseAll = () => {
    for (let tenant = 0; tenant < 5_000; tenant++) {
      log({ accountId: `tenant-${tenant}`, forSeconds: 60, reason: 'access-token', phoneNumberId: '1' }, missing)
    }
  }
  pauseAll()
  expect(spy).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(60_000)
  pauseAll()
  expect(spy).toHaveBeenCalledTimes(2)
  expect(spy.mock.calls[1]?.[0]).toMatch(/account tenant-0 wait .* \(and 4999 more accounts since the line before\)\n/)
})

it('an archive without onEvent tells a pause, and one with it does not', async () => {
  const spy = listen()
  const accounts = () => buildAccount({ accessToken: 'EAAsecretThatMetaRejects' })
  await runJob(create({ accounts }), await addFreshPhoto())
  expect(spy).not.toHaveBeenCalled()
  const archive = create({ accounts, onEvent: undefined })
  for (let times = 0; times < 3; times++) await runJob(archive, await addFreshPhoto())
  expect(spy).toHaveBeenCalledTimes(1)
  expect(spy.mock.calls[0]?.[0]).toMatch(/jobs of account pixels wait for 60 seconds \(access-token\)/)
  expect(String(spy.mock.calls[0])).not.toContain('EAAsecret')
})
