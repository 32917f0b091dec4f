import { describe, expect, it, vi } from 'vitest'
import type { Account } from '../../src/media-archive/accounts.js'
import { createInProcessQueue } from '../../src/queues/in-process.js'
import type { JobOutcome } from '../../src/queues.js'
import {
  addAged,
  addFreshPhoto,
  addGoneMedia,
  addPhoto,
  api,
  archived,
  buildAccount,
  buildJob,
  countLookUps,
  create,
  createWithFunction,
  DAY_MS,
  events,
  failed,
  listTypes,
  NUMBER,
  never,
  OTHER_NUMBER,
  runAgain,
  runJob,
  sha256,
  WITHIN_SECONDS,
} from './archive-scene.js'

describe('processJob, pauses and limits', () => {
  it('pauses the account whose token Meta rejects, and no other', async () => {
    const tokens = new Map([[NUMBER, 'stale-token']])
    const archive = create({
      accounts: (number) =>
        buildAccount({
          accountId: number === NUMBER ? 'pixels' : 'acme',
          accessToken: tokens.get(number) ?? api.accessToken,
        }),
    })
    const reference = await addFreshPhoto()
    vi.spyOn(Math, 'random').mockReturnValue(0)
    expect(await runJob(archive, reference)).toMatchObject({
      ...{ outcome: 'retry', afterSeconds: 60, isAttempt: false },
      error: { code: 'access-token', reason: 'rejected' },
    })
    expect(events[0]).toEqual({
      ...{ type: 'account-paused', accountId: 'pixels', forSeconds: 60, reason: 'access-token' },
      phoneNumberId: NUMBER,
    })
    const requests = api.requests.length
    expect(await runJob(archive, await addPhoto())).toMatchObject({
      ...{ outcome: 'retry', afterSeconds: 60, isAttempt: false },
      error: { code: 'access-token', reason: 'rejected' },
    })
    expect(api.requests).toHaveLength(requests)
    const others = buildJob(await addPhoto({ phoneNumberId: OTHER_NUMBER }), { accountId: 'acme' })
    expect(await archive.processJob(others, { attempt: 1 })).toEqual({ outcome: 'done' })

    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
    expect(await runJob(archive, reference, 2)).toMatchObject({ outcome: 'retry', afterSeconds: 120 })
    vi.setSystemTime(Date.now() + 120_000)
    tokens.clear()
    expect(await runJob(archive, reference, 3)).toEqual({ outcome: 'done' })
    tokens.set(NUMBER, 'stale-token')
    expect(await runJob(archive, await addFreshPhoto())).toMatchObject({ outcome: 'retry', afterSeconds: 60 })
    expect(failed).toEqual([])
  })

  it('rests an account at a rate limit, and no other', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1)
    api.fail({ on: 'look-up', kind: 'status', status: 429, headers: { 'retry-after': '100' }, times: 1 })
    const archive = create()
    expect(await runJob(archive, await addFreshPhoto())).toMatchObject({ outcome: 'retry', isAttempt: true })
    expect(events[0]).toEqual({
      ...{ type: 'account-paused', accountId: 'pixels', forSeconds: 100, reason: 'rate-limit' },
    })
    const requests = api.requests.length
    expect(await runJob(archive, await addPhoto())).toMatchObject({
      ...{ outcome: 'retry', afterSeconds: 125, isAttempt: false, error: { code: 'graph-api', status: 429 } },
    })
    expect(api.requests).toHaveLength(requests)
    const others = buildJob(await addPhoto({ phoneNumberId: OTHER_NUMBER }), { accountId: 'acme' })
    const both = create({ accounts: () => buildAccount({ accountId: 'acme' }) })
    expect(await both.processJob(others, { attempt: 1 })).toEqual({ outcome: 'done' })
  })

  it('gives media that dies during a pause its last try before', async () => {
    const archive = create()
    api.fail({ on: 'look-up', kind: 'status', status: 429, headers: { 'retry-after': '3600' }, times: 1 })
    await runJob(archive, await addFreshPhoto())
    const outcome = await runJob(archive, await addAged(7 * DAY_MS - 600_000))
    expect(outcome).toMatchObject({ outcome: 'retry', isAttempt: false })
    expect((outcome as { afterSeconds: number }).afterSeconds).toBeLessThanOrEqual(540)
    expect(await runJob(archive, await addAged(7 * DAY_MS - 5_000))).toEqual({ outcome: 'done' })
  })

  it('tries media before it dies that found the token dead itself', async () => {
    let token = 'stale-token'
    const archive = create({ accounts: () => buildAccount({ accessToken: token }) })
    vi.useFakeTimers({ toFake: ['Date'] })
    for (const seconds of [60, 120]) {
      expect(await runJob(archive, await addFreshPhoto())).toMatchObject({ outcome: 'retry', afterSeconds: seconds })
      vi.setSystemTime(Date.now() + seconds * 1_000)
    }
    const dying = await addAged(7 * DAY_MS - 200_000)
    const diesAt = Date.now() + 200_000
    let outcome = await runJob(archive, dying)
    expect(outcome).toMatchObject({ outcome: 'retry', error: { code: 'access-token' }, afterSeconds: 140 })
    token = api.accessToken
    for (let runs = 0; outcome.outcome === 'retry' && runs < 10; runs++) {
      vi.setSystemTime(Date.now() + outcome.afterSeconds * 1_000)
      outcome = await runAgain(archive, outcome, 1)
    }
    expect(outcome).toEqual({ outcome: 'done' })
    expect(Date.now()).toBeLessThan(diesAt)
  })

  it('tries all media that dies during a pause, once one has found that the token works again', async () => {
    let token = 'stale-token'
    const archive = create({ accounts: () => buildAccount({ accessToken: token }) })
    vi.useFakeTimers({ toFake: ['Date'] })
    await runJob(archive, await addFreshPhoto())
    vi.setSystemTime(Date.now() + 60_000)
    await runJob(archive, await addFreshPhoto())
    vi.setSystemTime(Date.now() + 60_000)
    token = api.accessToken
    const dying = [await addAged(7 * DAY_MS - 15_000), await addAged(7 * DAY_MS - 15_000)]
    const [first, second] = await Promise.all(dying.map((media) => runJob(archive, media)))
    expect([first, second]).toMatchObject([{ outcome: 'done' }, { outcome: 'retry', afterSeconds: 7 }])
    expect(second && (await runAgain(archive, second, 1))).toEqual({ outcome: 'done' })
  })

  it('takes no "at once" for an answer to too many calls', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    api.fail({ on: 'look-up', kind: 'status', status: 429, headers: { 'retry-after': '0' } })
    expect(await runJob(create(), await addFreshPhoto())).toMatchObject({ outcome: 'retry', afterSeconds: 60 })
  })

  it('asks once for media that was gone twice lately and comes again: it may have come back', async () => {
    const archive = create()
    const media = await addGoneMedia()
    const again = { ...media, messageId: 'wamid.again' }
    vi.useFakeTimers({ toFake: ['Date'] })
    expect(await runJob(archive, media)).toMatchObject({ outcome: 'retry', error: { code: 'media-gone' } })
    vi.setSystemTime(Date.now() + 120_000)
    expect(await runJob(archive, media)).toMatchObject({ outcome: 'dead-letter', error: { code: 'media-gone' } })
    const requests = api.requests.length
    expect(await runJob(archive, again)).toMatchObject({ outcome: 'dead-letter', error: { code: 'media-gone' } })
    expect(api.requests).toHaveLength(requests + 1)
    expect(await runJob(archive, again, 2)).toMatchObject({ outcome: 'dead-letter', error: { code: 'media-gone' } })
    expect(api.requests).toHaveLength(requests + 1)
    expect(failed[1]).toMatchObject({ media: { messageId: 'wamid.again' } })
  })

  it('gives media of two messages its late try, though both find it gone at once', async () => {
    const archive = create()
    const media = await addFreshPhoto()
    api.fail({ on: 'look-up', kind: 'status', status: 400, times: 2 })
    const first = await runJob(archive, media)
    const second = await runJob(archive, { ...media, messageId: 'wamid.edited' })
    expect([first, second]).toMatchObject([{ outcome: 'retry' }, { outcome: 'retry' }])
    expect([await runAgain(archive, first, 2), await runAgain(archive, second, 2)]).toMatchObject([
      { outcome: 'done' },
      { outcome: 'done' },
    ])
    expect(failed).toEqual([])
  })

  it('rests an account whose provider counts look-ups that fail', async () => {
    const archive = create({ maxGonePerHour: 2 })
    for (let times = 0; times < 2; times++) await runJob(archive, await addGoneMedia())
    expect(await runJob(archive, await addFreshPhoto())).toMatchObject({ outcome: 'retry', isAttempt: false })
    expect(() => create({ maxGonePerHour: 0.5 })).toThrow('maxGonePerHour must be a whole number, 1 or more, got 0.5')
  })

  it('gives up media that died while its account had no token', async () => {
    const archive = create({ accounts: () => buildAccount({ accessToken: () => undefined }) })
    expect(await runJob(archive, await addAged(8 * DAY_MS))).toMatchObject({
      outcome: 'dead-letter',
      error: { code: 'access-token', reason: 'missing' },
    })
    expect(listTypes()).toEqual(['account-paused', 'attempt-failed', 'dead-letter'])
    expect(failed).toHaveLength(1)
  })
})

describe('processJob, tokens', () => {
  it('asks the token function again within the only attempt', async () => {
    const { archive, reasons } = createWithFunction((reason) =>
      reason === 'rejected' ? api.accessToken : 'stale-token',
    )
    expect(await runJob(archive, await addFreshPhoto())).toEqual({ outcome: 'done' })
    expect(reasons).toEqual(['first', 'rejected'])
    expect(listTypes()).toEqual(['archived'])
  })

  it('asks the token function with "rejected" after a pause, too, until a token works', async () => {
    let token = 'stale-token'
    const { archive, reasons } = createWithFunction((reason) => (reason === 'rejected' ? token : 'stale-token'))
    vi.useFakeTimers({ toFake: ['Date'] })
    expect(await runJob(archive, await addFreshPhoto())).toMatchObject({ outcome: 'retry', isAttempt: false })
    expect(countLookUps()).toBe(1)
    vi.setSystemTime(Date.now() + 60_000)
    expect(await runJob(archive, await addFreshPhoto())).toMatchObject({ outcome: 'retry', isAttempt: false })
    expect(reasons).toEqual(['first', 'rejected', 'rejected'])
    vi.setSystemTime(Date.now() + 120_000)
    token = api.accessToken
    expect(await runJob(archive, await addFreshPhoto())).toEqual({ outcome: 'done' })
    expect(await archive.archive(await addFreshPhoto())).toMatchObject({ sha256 })
    expect(reasons.slice(3)).toEqual(['rejected', 'first', 'rejected'])
  })

  it('asks with "first" after another fault than a rejection', async () => {
    let fresh = 'stale-token'
    const { archive, reasons } = createWithFunction((reason) => {
      if (reason === 'rejected') fresh = api.accessToken
      return fresh
    })
    api.fail({ on: 'look-up', kind: 'status', status: 401, times: 1 })
    api.fail({ on: 'look-up', kind: 'status', status: 503, times: 1 })
    const reference = await addFreshPhoto()
    expect(await runJob(archive, reference)).toMatchObject({
      outcome: 'retry',
      isAttempt: true,
      error: { status: 503 },
    })
    expect(await runJob(archive, reference, 2)).toEqual({ outcome: 'done' })
    expect(reasons).toEqual(['first', 'rejected', 'first'])
  })

  it('pauses the number whose token Meta rejects, and no other number of its account', async () => {
    const archive = create({
      accounts: (number) => buildAccount({ accessToken: number === NUMBER ? 'stale-token' : api.accessToken }),
    })
    const reference = await addFreshPhoto()
    const { downloadUrl, downloadUrlExpiresAt, ...other } = await addPhoto({ phoneNumberId: OTHER_NUMBER })
    expect(await runJob(archive, reference)).toMatchObject({ outcome: 'retry', afterSeconds: 60 })
    expect(await runJob(archive, other)).toEqual({ outcome: 'done' })
    const requests = api.requests.length
    expect(await runJob(archive, reference)).toMatchObject({ outcome: 'retry', isAttempt: false })
    expect(api.requests).toHaveLength(requests)
  })

  it('takes what was stored already for no proof of the token', async () => {
    let token = api.accessToken
    const archive = create({ accounts: () => buildAccount({ accessToken: token }) })
    const stored = await addAged(600_000)
    expect(await runJob(archive, stored)).toEqual({ outcome: 'done' })
    token = 'stale-token'
    vi.useFakeTimers({ toFake: ['Date'] })
    expect(await runJob(archive, await addFreshPhoto())).toMatchObject({ outcome: 'retry', afterSeconds: 60 })
    vi.setSystemTime(Date.now() + 60_000)
    const requests = api.requests.length
    expect(await runJob(archive, stored)).toEqual({ outcome: 'done' })
    expect(api.requests).toHaveLength(requests)
    expect(await runJob(archive, await addFreshPhoto())).toMatchObject({ outcome: 'retry', afterSeconds: 120 })
  })

  it('knows during a pause how long the number’s media lives', async () => {
    const accounts = (number: string): Account => buildAccount(number === NUMBER ? {} : { mediaLifetimeMs: 3_600_000 })
    const archive = create({ accounts })
    api.fail({ on: 'look-up', kind: 'status', status: 429, headers: { 'retry-after': '3600' }, times: 1 })
    await runJob(archive, await addFreshPhoto())
    const brief = { ...(await addAged(1_800_000)), phoneNumberId: OTHER_NUMBER }
    const outcome = await runJob(archive, brief)
    expect(outcome).toMatchObject({
      ...{ outcome: 'retry', isAttempt: false },
      until: new Date(Date.parse(brief.timestamp) + 3_600_000).toISOString(),
    })
    const { afterSeconds } = outcome as { afterSeconds: number }
    expect(afterSeconds).toBeGreaterThan(1_700)
    expect(afterSeconds).toBeLessThanOrEqual(1_740)
  })

  it('makes one look-up a pause for a backlog of dead media under a dead token', async () => {
    const { archive, reasons } = createWithFunction(() => 'stale-token')
    vi.spyOn(Math, 'random').mockReturnValue(0)
    vi.useFakeTimers({ toFake: ['Date'] })
    const backlog = await Promise.all(Array.from({ length: 100 }, () => addAged(8 * DAY_MS)))
    for (const seconds of [60, 120, 240]) {
      const outcomes: JobOutcome[] = []
      for (const media of backlog) outcomes.push(await runJob(archive, media))
      expect(outcomes[0]).toMatchObject({ outcome: 'dead-letter', error: { code: 'access-token' } })
      for (const outcome of outcomes.slice(1)) {
        expect(outcome).toMatchObject({ outcome: 'retry', isAttempt: false, afterSeconds: seconds })
      }
      vi.setSystemTime(Date.now() + seconds * 1_000)
    }
    expect(countLookUps()).toBe(3)
    expect(reasons).toEqual(['first', 'rejected', 'rejected', 'rejected'])
  })

  it('makes one look-up a minute for media that dies while its number has a dead token', async () => {
    let token = 'stale-token'
    const { archive, reasons } = createWithFunction(() => token)
    vi.useFakeTimers({ toFake: ['Date'] })
    const tryAll = async (): Promise<JobOutcome[]> => {
      const outcomes: JobOutcome[] = []
      for (let count = 0; count < 100; count++) outcomes.push(await runJob(archive, await addAged(7 * DAY_MS - 10_000)))
      return outcomes
    }
    for (const outcome of await tryAll()) expect(outcome).toMatchObject({ outcome: 'retry', isAttempt: false })
    expect(countLookUps()).toBe(1)
    vi.setSystemTime(Date.now() + 60_000)
    await tryAll()
    expect(countLookUps()).toBe(2)
    vi.setSystemTime(Date.now() + 60_000)
    await tryAll()
    expect(countLookUps()).toBe(3)
    expect(reasons).toEqual(['first', 'rejected', 'rejected', 'rejected'])
    vi.setSystemTime(Date.now() + 60_000)
    token = api.accessToken
    for (const outcome of await tryAll()) expect(outcome).toEqual({ outcome: 'done' })
  })

  it.each([
    ['the function', never],
    ['its renewal', (reason: string) => (reason === 'rejected' ? never() : 'stale-token')],
  ])('pauses the number alone whose token function hangs: %s', async (_what, accessToken) => {
    const accounts = (number: string): Account => buildAccount(number === NUMBER ? { accessToken } : {})
    const archive = create({ accounts, callbackTimeoutMs: 20, queue: createInProcessQueue({ concurrency: 1 }) })
    const { downloadUrl, downloadUrlExpiresAt, ...other } = await addPhoto({ phoneNumberId: OTHER_NUMBER })
    await archive.enqueue([await addFreshPhoto(), await addFreshPhoto(), other])
    await vi.waitFor(() => expect(archived).toHaveLength(1), WITHIN_SECONDS)
    expect(events.slice(0, 2)).toMatchObject([
      { type: 'account-paused', phoneNumberId: NUMBER, reason: 'access-token' },
      {
        type: 'attempt-failed',
        error: { reason: 'unavailable', cause: { message: 'accessToken did not end within 20 ms' } },
      },
    ])
    expect(await archive.close()).toHaveLength(2)
  })

  it('asks once for another token for a hundred jobs under way together', async () => {
    const { archive, reasons } = createWithFunction(() => 'stale-token')
    const backlog = await Promise.all(Array.from({ length: 100 }, addFreshPhoto))
    await Promise.all(backlog.map((media) => runJob(archive, media)))
    expect(countLookUps()).toBe(100)
    expect(reasons.filter((reason) => reason === 'rejected')).toHaveLength(1)
    expect(listTypes().filter((type) => type === 'account-paused')).toHaveLength(1)
  })
})
