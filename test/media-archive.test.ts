import { createHash } from 'node:crypto'
import { getEventListeners } from 'node:events'
import { PassThrough } from 'node:stream'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ArchivedMedia } from '../src/archive.js'
import { AccessTokenError, QueueFullError, WrongAccountError } from '../src/errors.js'
import { type MediaEvent, messageIdHash } from '../src/events.js'
import type { Account } from '../src/media-archive/accounts.js'
import type { MediaFailure } from '../src/media-archive/media-failure.js'
import { createMediaArchive, type MediaArchive, type MediaArchiveOptions } from '../src/media-archive.js'
import type { MediaReference } from '../src/media-reference.js'
import { createInProcessQueue } from '../src/queues/in-process.js'
import type { JobOutcome, MediaJob, MediaQueue } from '../src/queues.js'
import { createMemoryStorage, type MemoryStorage } from '../src/storage/memory.js'
import type { ObjectStorage } from '../src/storage.js'
import { buildWebhook } from '../src/testing/build-webhook.js'
import { createFakeCloudApi, type FakeCloudApi } from '../src/testing/fake-cloud-api.js'
import { extractMedia, type UnavailableMedia } from '../src/webhook/extract.js'

const jpeg = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(2_000, 'jpeg')])
const sha256 = createHash('sha256').update(jpeg).digest('hex')
const NUMBER = '106540352242922'
const OTHER_NUMBER = '106540352242999'
const DAY_MS = 86_400_000

/** A busy machine is no failure. */
const PATIENT = { timeout: 10_000 }

let api: FakeCloudApi
let storage: MemoryStorage
let events: MediaEvent[]
let archived: ArchivedMedia[]
let failed: MediaFailure[]
let queued: MediaJob[]
let queue: MediaQueue

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

const accountOf = (more: Partial<Account> = {}): Account => ({
  accountId: 'pixels',
  accessToken: api.accessToken,
  ...more,
})

/** One attempt a call, so that no test waits for a second one. */
const create = (more: Partial<MediaArchiveOptions> = {}): MediaArchive =>
  createMediaArchive({
    storage,
    accounts: (phoneNumberId) => (phoneNumberId === NUMBER ? accountOf() : undefined),
    queue,
    cloudApi: api.cloudApi,
    attempts: 1,
    onArchived: (media) => archived.push(media),
    onFailed: (failure) => failed.push(failure),
    onEvent: (event) => events.push(event),
    ...more,
  })

const photo = async (more: object = {}): Promise<MediaReference> =>
  (await api.addMedia({ bytes: jpeg, mimeType: 'image/jpeg', mediaType: 'image', ...more })).reference

/** A photo whose URL the webhook did not tell, so that it is looked up. */
const freshPhoto = async (): Promise<MediaReference> => {
  const { downloadUrl, downloadUrlExpiresAt, ...reference } = await photo()
  return reference
}

const goneMedia = async (): Promise<MediaReference> => ({ ...(await freshPhoto()), mediaId: '404404' })

const types = (): string[] => events.map(({ type }) => type)

const never = (): Promise<never> => new Promise(() => {})

const throwing = (error: unknown) => (): never => {
  throw error
}

describe('createMediaArchive', () => {
  it.each<[string, object]>([
    ['storage', { storage: undefined }],
    ['storage', { storage: null }],
    ['storage', { storage: {} }],
    ['accounts', { accounts: undefined }],
    ['accounts', { accounts: { [NUMBER]: {} } }],
    ['queue', { queue: null }],
    ['queue', { queue: createInProcessQueue }],
    ['onArchived', { onArchived: 'log' }],
    ['onFailed', { onFailed: null }],
    ['attempts', { attempts: 0 }],
    ['maxBytes', { maxBytes: -1 }],
    ['prefix', { prefix: '../' }],
    ['timeouts.idleMs', { timeouts: { idleMs: 0 } }],
    ['integrity', { integrity: 'reports' }],
    ['integrity', { integrity: null }],
    ['sniff', { sniff: 'no' }],
    ['callbackTimeoutMs', { callbackTimeoutMs: 0 }],
    ['cloudApi.baseUrl', { cloudApi: { baseUrl: 'http://graph.example' } }],
  ])('refuses a bad %s at once: %j', (option, wrong) => {
    expect(() => create(wrong)).toThrow(expect.objectContaining({ code: 'invalid-option', option }))
  })

  it('needs no more than storage and accounts', async () => {
    const accounts = (): Account => accountOf()
    const archive = createMediaArchive({ storage, accounts, cloudApi: api.cloudApi })
    expect(await archive.archive(await photo())).toMatchObject({ accountId: 'pixels', sha256 })
    await expect(archive.archive(await goneMedia())).rejects.toMatchObject({ code: 'media-gone' })
    expect(await archive.close()).toEqual([])
  })
})

describe('archive', () => {
  it('archives, and tells it each time, when it was stored before too', async () => {
    const archive = create()
    const reference = await photo()
    const first = await archive.archive(reference)
    const second = await archive.archive(reference)
    expect(first).toMatchObject({ accountId: 'pixels', messageId: reference.messageId, sha256, alreadyStored: false })
    expect(second).toMatchObject({ key: first.key, alreadyStored: true })
    expect(archived).toEqual([first, second])
    expect(failed).toEqual([])
    expect(storage.keys()).toEqual([first.key])
  })

  it('waits for onArchived, and rejects with what it throws; the object stays', async () => {
    const order: string[] = []
    const patient = create({
      onArchived: async () => {
        await new Promise(setImmediate)
        order.push('told')
      },
    })
    const reference = await photo()
    await patient.archive(reference).then(() => order.push('resolved'))
    expect(order).toEqual(['told', 'resolved'])
    const down = new Error('the database is down')
    await expect(create({ onArchived: throwing(down) }).archive(reference)).rejects.toBe(down)
    await expect(create({ onArchived: async () => throwing(down)() }).archive(reference)).rejects.toBe(down)
    expect(failed).toEqual([])
    expect(storage.keys()).toHaveLength(1)
  })

  it('hands a failure to onFailed, and rejects with its error', async () => {
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    const { downloadUrl, downloadUrlExpiresAt, ...told } = await photo({ filename: 'Payslip.pdf', caption: 'for you' })
    const reference = { ...told, downloadUrl: 'https://evil.example/?hash=signed-for-a-test', downloadUrlExpiresAt }
    const error = await create()
      .archive(reference as MediaReference)
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'graph-api', status: 503 })
    expect(failed).toHaveLength(1)
    expect({ ...failed[0] }).toStrictEqual({ media: told, error, accountId: 'pixels' })
    expect(archived).toEqual([])
    for (const shown of [JSON.stringify(failed), inspect(failed, { depth: null })]) {
      expect(shown).toContain(reference.mediaId)
      expect(shown).toContain(messageIdHash(reference.messageId))
      for (const secret of [reference.messageId, 'evil.example/', '15550001111', 'Payslip', 'for you', api.accessToken])
        expect(shown).not.toContain(secret)
    }
  })

  it('rejects with what onFailed throws', async () => {
    const down = new Error('the database is down')
    await expect(create({ onFailed: async () => throwing(down)() }).archive(await goneMedia())).rejects.toBe(down)
  })

  it('has no account for an unknown number', async () => {
    const reference = await photo({ phoneNumberId: OTHER_NUMBER })
    await expect(create().archive(reference)).rejects.toMatchObject({
      code: 'unknown-number',
      phoneNumberId: OTHER_NUMBER,
    })
    expect(failed).toMatchObject([{ error: { code: 'unknown-number' }, media: { mediaId: reference.mediaId } }])
    expect(failed[0]).not.toHaveProperty('accountId')
    expect(api.requests).toEqual([])
  })

  it('passes on what accounts throws, and calls that no failure', async () => {
    const down = new Error('the database is down')
    await expect(create({ accounts: throwing(down) }).archive(await photo())).rejects.toBe(down)
    expect(failed).toEqual([])
  })

  it('passes on an error of this library that the owner’s functions throw, and calls that no failure', async () => {
    const own = new WrongAccountError({ accountId: 'pixels' })
    for (const option of ['accounts', 'storage', 'prefix', 'onArchived']) {
      await expect(create({ [option]: throwing(own) }).archive(await photo())).rejects.toBe(own)
    }
    expect(failed).toEqual([])
  })

  it.each(['accounts', 'storage', 'prefix', 'onArchived'])('does not wait for %s that hangs', async (callback) => {
    const hang = vi.fn(never)
    const controller = new AbortController()
    const going = create({ [callback]: hang }).archive(await photo(), { signal: controller.signal })
    const outcome = going.catch((error: unknown) => error)
    await vi.waitFor(() => expect(hang).toHaveBeenCalledTimes(1), PATIENT)
    const reason = new Error('shutting down')
    controller.abort(reason)
    expect(await outcome).toBe(reason)
    const capped = create({ [callback]: never, callbackTimeoutMs: 5 }).archive(await photo())
    await expect(capped).rejects.toMatchObject({ code: 'timeout', waitedFor: 'callback', callback })
    expect(failed).toEqual([])
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })

  it('does not wait for onFailed that hangs', async () => {
    const hang = vi.fn(never)
    const controller = new AbortController()
    const going = create({ onFailed: hang }).archive(await goneMedia(), { signal: controller.signal })
    const outcome = going.catch((error: unknown) => error)
    await vi.waitFor(() => expect(hang).toHaveBeenCalledTimes(1), PATIENT)
    controller.abort('enough')
    expect(await outcome).toBe('enough')
  })

  it.each([
    ['media', null],
    ['media', undefined],
    ['media.mediaType', { mediaId: '1' }],
    ['media.phoneNumberId', { phoneNumberId: 1_065 }],
    ['media.messageId', { messageId: undefined }],
  ])('names what is wrong with a reference, and tells its owner: %s', async (option, wrong) => {
    const media = option === 'media' || option === 'media.mediaType' ? wrong : { ...(await photo()), ...wrong }
    const error = await create()
      .archive(media as MediaReference)
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'invalid-option', option })
    expect(failed).toMatchObject([{ error, media: { messageId: expect.any(String), mediaId: expect.any(String) } }])
    expect(api.requests).toEqual([])
  })

  it.each([null, '', 7, {}])(
    'refuses %j for an app secret, which would leave look-ups without proof',
    async (secret) => {
      const accounts = (): Account => accountOf({ appSecret: secret as string })
      const going = create({ accounts }).archive(await freshPhoto())
      await expect(going).rejects.toMatchObject({ code: 'invalid-option', option: 'appSecret' })
      expect(failed).toMatchObject([{ accountId: 'pixels', error: { option: 'appSecret' } }])
      expect(api.requests).toEqual([])
    },
  )

  it('refuses an account id that would leave its place in the key', async () => {
    const archive = create({ accounts: () => accountOf({ accountId: '../pixels' }) })
    await expect(archive.archive(await photo())).rejects.toMatchObject({ code: 'invalid-option', option: 'accountId' })
    expect(storage.keys()).toEqual([])
  })

  it.each([
    ['an error', new Error('shutting down')],
    ['one of our errors', new QueueFullError({ limit: 1, problem: 'is closed' })],
  ])('rejects with the signal’s reason, %s, and calls that no failure', async (_name, reason) => {
    api.fail({ on: 'look-up', kind: 'stall' })
    const controller = new AbortController()
    const going = create().archive(await freshPhoto(), { signal: controller.signal })
    await vi.waitFor(() => expect(api.requests).toHaveLength(1), PATIENT)
    controller.abort(reason)
    await expect(going).rejects.toBe(reason)
    expect(failed).toEqual([])
  })

  it('takes from an account what belongs to one, and nothing else', async () => {
    const row = { ...accountOf(), prefix: '+49', attempts: 'many', http: 'none', storage: 'drawer', filename: 'x' }
    const { key } = await create({ accounts: () => row }).archive(await photo())
    expect(key).toMatch(/^whatsapp-media\/pixels\//)
    // As documents of many object mappers, whose fields live on the prototype.
    class Document {
      get accountId(): string {
        return 'document'
      }
      get accessToken(): string {
        return api.accessToken
      }
    }
    expect(await create({ accounts: () => new Document() }).archive(await photo())).toMatchObject({
      accountId: 'document',
    })
  })

  it('uses the account’s app secret and media lifetime', async () => {
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    const old = { ...(await freshPhoto()), timestamp: new Date(Date.now() - 60_000).toISOString() }
    const accounts = (): Account => accountOf({ appSecret: 'app-secret', mediaLifetimeMs: 1_000 })
    await expect(create({ accounts, attempts: 2 }).archive(old)).rejects.toMatchObject({ status: 503 })
    expect(api.requests.map(({ url }) => url)).toEqual([expect.stringMatching(/\?appsecret_proof=[0-9a-f]{64}$/)])
  })

  it('asks the account’s token function first, and again when Meta rejects the token', async () => {
    const reasons: string[] = []
    const accessToken = async (reason: string): Promise<string> => {
      reasons.push(reason)
      return reason === 'rejected' ? api.accessToken : 'stale-token'
    }
    const archive = create({ accounts: () => accountOf({ accessToken }), attempts: 2 })
    expect(await archive.archive(await freshPhoto())).toMatchObject({ sha256 })
    expect(reasons).toEqual(['first', 'rejected'])
  })

  it('names the account that has no token', async () => {
    const archive = create({ accounts: async () => accountOf({ accessToken: undefined }) })
    await expect(archive.archive(await photo())).rejects.toThrow('The access token of account pixels is missing')
    expect(failed).toMatchObject([{ accountId: 'pixels', error: { code: 'access-token', reason: 'missing' } }])
  })

  it('stores in the account’s own storage', async () => {
    const stores = new Map([
      ['pixels', createMemoryStorage()],
      ['acme', createMemoryStorage()],
    ])
    const asked: string[] = []
    const archive = create({
      accounts: (number) => accountOf({ accountId: number === NUMBER ? 'pixels' : 'acme' }),
      storage: async (accountId) => {
        asked.push(accountId)
        return stores.get(accountId) as ObjectStorage
      },
    })
    await archive.archive(await photo())
    await archive.archive(await photo({ phoneNumberId: OTHER_NUMBER }))
    expect(asked).toEqual(['pixels', 'acme'])
    expect(stores.get('pixels')?.keys()).toEqual([archived[0]?.key])
    expect(stores.get('acme')?.keys()).toEqual([archived[1]?.key])
  })

  it('fails where the storage function finds none', async () => {
    const archive = create({ storage: () => undefined as unknown as ObjectStorage })
    await expect(archive.archive(await photo())).rejects.toMatchObject({ code: 'invalid-option', option: 'storage' })
    expect(failed).toMatchObject([{ accountId: 'pixels', error: { code: 'invalid-option' } }])
    expect(await archive.close()).toEqual([])
  })
})

describe('upload', () => {
  it('stores a file of the account’s own', async () => {
    const archive = create({ storage: () => storage, prefix: 'files/' })
    const stored = await archive.upload(jpeg, { accountId: 'pixels', mimeType: 'image/jpeg', filename: 'roof.jpg' })
    expect(stored).toMatchObject({ sha256, size: jpeg.length, filename: 'roof.jpg', keyIsStable: false })
    expect(stored.key).toMatch(/^files\/pixels\//)
    expect(storage.keys()).toEqual([stored.key])
  })

  it.each(['../pixels', '', undefined])(
    'refuses the account id %j before a storage is asked for',
    async (accountId) => {
      const find = vi.fn(() => storage)
      const bad = { accountId: accountId as string }
      await expect(create({ storage: find }).upload(jpeg, bad)).rejects.toMatchObject({ option: 'accountId' })
      expect(find).not.toHaveBeenCalled()
    },
  )
})

describe('upload and signUrl', () => {
  it.each(['storage', 'prefix'])('do not wait for %s that hangs', async (callback) => {
    const hang = vi.fn(never)
    const controller = new AbortController()
    const going = create({ [callback]: hang }).upload(jpeg, { accountId: 'pixels', signal: controller.signal })
    const outcome = going.catch((error: unknown) => error)
    await vi.waitFor(() => expect(hang).toHaveBeenCalledTimes(1), PATIENT)
    controller.abort('enough')
    expect(await outcome).toBe('enough')
    const capped = create({ [callback]: never, callbackTimeoutMs: 5 })
    const error = { code: 'timeout', waitedFor: 'callback', callback }
    await expect(capped.upload(jpeg, { accountId: 'pixels' })).rejects.toMatchObject(error)
    await expect(capped.signUrl('whatsapp-media/x', { accountId: 'pixels' })).rejects.toMatchObject(error)
  })

  it('pass on what storage and prefix throw', async () => {
    const own = new WrongAccountError({ accountId: 'pixels' })
    for (const option of ['storage', 'prefix']) {
      const archive = create({ [option]: throwing(own) })
      await expect(archive.upload(jpeg, { accountId: 'pixels' })).rejects.toBe(own)
      await expect(archive.signUrl('whatsapp-media/x', { accountId: 'pixels' })).rejects.toBe(own)
    }
  })
})

describe('signUrl', () => {
  const expiresAt = new Date(Date.now() + 30_000)
  const signing = (): ObjectStorage => ({
    ...storage,
    signedUrl: async (key, { expiresIn }) => ({ url: `https://store.example/${key}?for=${expiresIn}`, expiresAt }),
  })

  it('signs for the key’s own account only', async () => {
    const archive = create({ storage: signing })
    const { key } = await archive.archive(await photo())
    expect(await archive.signUrl(key, { accountId: 'pixels', expiresIn: 60 })).toEqual({
      key,
      url: `https://store.example/${key}?for=60`,
      expiresAt,
    })
    expect(events.at(-1)).toMatchObject({ type: 'expiry-clipped', key })
    await expect(archive.signUrl(key, { accountId: 'acme' })).rejects.toMatchObject({ code: 'wrong-account' })
    await expect(archive.signUrl(`x/${key}`, { accountId: 'pixels' })).rejects.toMatchObject({
      code: 'invalid-option',
      option: 'key',
    })
  })

  it('refuses a caller who names no account', async () => {
    const { key } = await create().archive(await photo())
    const nobody = { accountId: undefined as unknown as string }
    await expect(create({ storage: signing }).signUrl(key, nobody)).rejects.toMatchObject({ option: 'accountId' })
  })
})

describe('a prefix for each account', () => {
  const tenants = (prefix: MediaArchiveOptions['prefix']): MediaArchive =>
    create({
      accounts: (number) => accountOf({ accountId: number === NUMBER ? 'pixels' : 'acme' }),
      storage: {
        ...storage,
        signedUrl: async (key) => ({
          url: `https://store.example/${key}`,
          expiresAt: new Date(Date.now() + 3_600_000),
        }),
      },
      ...(prefix === undefined ? {} : { prefix }),
    })

  it('is where archive, upload and signUrl look, in agreement', async () => {
    const archive = tenants(async (accountId) => `tenants/${accountId}-files/`)
    await archive.archive(await photo())
    await archive.archive(await photo({ phoneNumberId: OTHER_NUMBER }))
    const [ours = '', theirs = ''] = archived.map(({ key }) => key)
    expect(ours).toMatch(/^tenants\/pixels-files\/pixels\//)
    expect(theirs).toMatch(/^tenants\/acme-files\/acme\//)
    const uploaded = await archive.upload(jpeg, { accountId: 'acme', mimeType: 'image/jpeg' })
    expect(uploaded.key).toMatch(/^tenants\/acme-files\/acme\//)
    for (const key of [theirs, uploaded.key]) {
      expect(await archive.signUrl(key, { accountId: 'acme' })).toMatchObject({ key })
    }
    await expect(archive.signUrl(ours, { accountId: 'acme' })).rejects.toMatchObject({ option: 'key' })
    await expect(archive.signUrl(theirs.replace('acme/', 'pixels/'), { accountId: 'acme' })).rejects.toMatchObject({
      code: 'wrong-account',
    })
  })

  it('is refused where the function finds none, or an unsafe one', async () => {
    for (const found of [undefined, null, '../', 'no-slash']) {
      const archive = tenants(() => found as string)
      await expect(archive.upload(jpeg, { accountId: 'acme' })).rejects.toMatchObject({ option: 'prefix' })
    }
    expect(storage.keys()).toEqual([])
  })
})

describe('enqueue', () => {
  const extracted = (more: object = {}) => ({ media: [], unavailable: [], revoked: [], ...more })

  const unavailable = (more: Partial<UnavailableMedia> = {}): UnavailableMedia => ({
    reason: 'media-error',
    errorCode: 131_052,
    messageId: 'wamid.A',
    mediaId: '7',
    receivedAt: '2026-11-22T10:00:01.000Z',
    phoneNumberId: NUMBER,
    businessAccountId: '102290129340398',
    ...more,
  })

  it('takes one reference, several, or what extractMedia found', async () => {
    const archive = create()
    const [one, two] = [await photo(), await photo()]
    const jobs = [one, two].map((media): MediaJob => ({ version: 1, accountId: 'pixels', media }))
    await archive.enqueue(one)
    expect(queued.splice(0)).toEqual([jobs[0]])
    await archive.enqueue(Object.freeze([one, two]))
    expect(queued.splice(0)).toEqual(jobs)
    const added = await api.addMedia({ bytes: jpeg, mimeType: 'image/jpeg', mediaType: 'image' })
    await archive.enqueue(extractMedia(buildWebhook([{ media: { type: 'image', object: added.mediaObject } }])))
    expect(queued).toMatchObject([{ version: 1, accountId: 'pixels', media: { mediaId: added.mediaId, sha256 } }])
    expect(JSON.parse(JSON.stringify(queued))).toEqual(queued)
    expect(JSON.stringify(queued)).not.toContain(api.accessToken)
    expect([api.requests, failed, events]).toEqual([[], [], []])
  })

  it('calls the queue once a webhook, and not at all without media', async () => {
    const enqueueJobs = vi.fn(async () => {})
    const archive = create({ queue: { enqueue: enqueueJobs } })
    await archive.enqueue([await photo(), await photo()])
    expect(enqueueJobs).toHaveBeenCalledTimes(1)
    await archive.enqueue(extracted())
    await archive.enqueue([])
    expect(enqueueJobs).toHaveBeenCalledTimes(1)
  })

  it('looks each number up once a webhook', async () => {
    const accounts = vi.fn((number: string) => (number === NUMBER ? accountOf() : undefined))
    const archive = create({ accounts })
    const references = [await photo(), await photo(), await photo({ phoneNumberId: OTHER_NUMBER })]
    const lost = [unavailable(), unavailable({ phoneNumberId: OTHER_NUMBER })]
    await archive.enqueue(extracted({ media: [...references, references[2]], unavailable: lost }))
    expect(accounts.mock.calls).toEqual([[NUMBER], [OTHER_NUMBER]])
  })

  it('hands what can not be downloaded to onFailed, with its account', async () => {
    const lost = [
      unavailable(),
      unavailable({ reason: 'retention-expired', errorCode: 131_035, phoneNumberId: OTHER_NUMBER }),
    ]
    delete lost[1]?.mediaId
    await create().enqueue(extracted({ unavailable: lost }))
    expect(failed).toMatchObject([
      { media: lost[0], error: { code: 'media-unavailable', reason: 'media-error', errorCode: 131_052 } },
      { media: lost[1], error: { code: 'media-unavailable', reason: 'retention-expired', retryable: false } },
    ])
    expect(failed.map(({ accountId }) => accountId)).toEqual(['pixels', undefined])
    expect(events).toEqual([
      { type: 'media-unavailable', reason: 'media-error', phoneNumberId: NUMBER, mediaId: '7' },
      { type: 'media-unavailable', reason: 'retention-expired', phoneNumberId: OTHER_NUMBER },
    ])
    expect(queued).toEqual([])
  })

  it.each(['referral', 'placeholder'] as const)('calls a %s no failure', async (reason) => {
    await create().enqueue(extracted({ unavailable: [unavailable({ reason })] }))
    expect(failed).toEqual([])
    expect(events).toMatchObject([{ type: 'media-unavailable', reason }])
  })

  it('tells of a deleted message, and deletes nothing', async () => {
    const archive = create()
    const reference = await photo()
    await archive.archive(reference)
    const { messageId, timestamp, receivedAt, phoneNumberId, businessAccountId, direction } = reference
    const revoked = {
      messageId,
      revokedBy: 'wamid.B',
      timestamp,
      receivedAt,
      phoneNumberId,
      businessAccountId,
      direction,
    }
    await archive.enqueue(extracted({ revoked: [revoked] }))
    expect(events.at(-1)).toEqual({
      type: 'message-revoked',
      messageIdHash: messageIdHash(messageId),
      phoneNumberId: NUMBER,
    })
    expect(storage.keys()).toHaveLength(1)
    expect([queued, failed]).toEqual([[], []])
  })

  it('never rejects a job, whatever its account says', async () => {
    const lifetime = { accountId: 'pixels', accessToken: api.accessToken, mediaLifetimeMs: Number.NaN }
    const archive = create({ accounts: () => lifetime, onFailed: throwing(new Error('down')) })
    const media = await photo()
    const outcome = await archive.processJob({ version: 1, accountId: 'pixels', media }, { attempt: 1 })
    const until = new Date(Date.parse(media.timestamp) + 7 * DAY_MS).toISOString()
    expect(outcome).toMatchObject({ outcome: 'retry', until })
  })

  it('gives media of a number with an unsound account to onFailed, and the rest to the queue', async () => {
    const queue = createInProcessQueue()
    const archive = create({
      queue,
      accounts: (id) => ({ accountId: id === '666' ? 'a/b' : 'pixels', accessToken: api.accessToken }),
    })
    const unsound = { ...(await photo()), phoneNumberId: '666' }
    await archive.enqueue([unsound, await photo()])
    expect(failed).toMatchObject([{ media: { phoneNumberId: '666' }, error: { code: 'invalid-option' } }])
    await archive.close()
    expect(archived).toHaveLength(1)
  })

  it('gives media of an unknown number to onFailed, and the rest to the queue', async () => {
    const [known, unknown] = [await photo(), await photo({ phoneNumberId: OTHER_NUMBER })]
    await create().enqueue([unknown, known])
    expect(queued).toMatchObject([{ media: { mediaId: known.mediaId } }])
    expect(failed).toMatchObject([{ media: { mediaId: unknown.mediaId }, error: { code: 'unknown-number' } }])
    expect(failed[0]).not.toHaveProperty('accountId')
    expect(failed[0]?.media).not.toHaveProperty('downloadUrl')
    expect(events).toEqual([{ type: 'unknown-number', phoneNumberId: OTHER_NUMBER, mediaId: unknown.mediaId }])
  })

  it('rejects when accounts throws, and then nothing is queued or told', async () => {
    const down = new Error('the database is down')
    const accounts = (number: string): Account | undefined => (number === NUMBER ? accountOf() : throwing(down)())
    const archive = create({ accounts })
    const references = [await photo(), await photo({ phoneNumberId: OTHER_NUMBER })]
    await expect(archive.enqueue(references)).rejects.toBe(down)
    const lost = unavailable({ phoneNumberId: OTHER_NUMBER })
    await expect(archive.enqueue(extracted({ unavailable: [lost] }))).rejects.toBe(down)
    expect([queued, failed]).toEqual([[], []])
  })

  it('rejects when the queue is full, and then nothing is told', async () => {
    const archive = create({ queue: createInProcessQueue({ maxQueued: 1 }) })
    const references = [await photo(), await photo()]
    await archive.enqueue(await photo())
    const full = archive.enqueue(extracted({ media: references, unavailable: [unavailable()] }))
    await expect(full).rejects.toMatchObject({ code: 'queue-full', retryable: true })
    expect(failed).toEqual([])
  })

  it('rejects when onFailed throws; the jobs are queued then', async () => {
    const down = new Error('the database is down')
    const archive = create({ onFailed: throwing(down) })
    const found = extracted({ media: [await photo()], unavailable: [unavailable()] })
    await expect(archive.enqueue(found)).rejects.toBe(down)
    expect(queued).toHaveLength(1)
  })

  it('needs a queue', async () => {
    const { queue: _none, ...options } = { storage, accounts: () => undefined, queue }
    const archive = createMediaArchive(options)
    await expect(archive.enqueue(await photo())).rejects.toMatchObject({ code: 'invalid-option', option: 'queue' })
  })

  it.each([
    ['media', undefined],
    ['media', null],
    ['media', 'wamid.A'],
    ['media[0]', [null]],
    ['media.messageId', { mediaId: '1', mediaType: 'image', mimeType: 'image/jpeg' }],
    ['media.unavailable', { media: [], unavailable: null, revoked: [] }],
  ])('rejects, not throws, with what is wrong: %s', async (option, nothing) => {
    await expect(create().enqueue(nothing as never)).rejects.toMatchObject({ code: 'invalid-option', option })
    expect([queued, failed]).toEqual([[], []])
  })

  it('queues nothing of a list with an unsound reference, and names its place', async () => {
    const list = [await photo(), { ...(await photo()), filename: null }] as MediaReference[]
    await expect(create().enqueue(list)).rejects.toMatchObject({ option: 'media[1].filename' })
    expect(queued).toEqual([])
  })

  it('hands one unsound item of a webhook to onFailed, and queues the rest', async () => {
    const odd = { ...(await photo()), mediaId: 'wamid.in-the-wrong-place' }
    await create().enqueue(extracted({ media: [odd, await photo(), null] }))
    expect(queued).toHaveLength(1)
    expect(failed).toMatchObject([
      { media: { messageId: odd.messageId, mediaId: '' }, error: { option: 'media.mediaId' } },
      { media: { messageId: '', mediaId: '' }, error: { option: 'media' } },
    ])
  })

  it('rejects when accounts throws an error of this library: it is its owner’s', async () => {
    const own = new WrongAccountError({ accountId: 'pixels' })
    await expect(create({ accounts: throwing(own) }).enqueue(await photo())).rejects.toBe(own)
    expect([queued, failed]).toEqual([[], []])
  })

  it('rejects when accounts or onFailed do not end', async () => {
    const media = await photo()
    const error = { code: 'timeout', waitedFor: 'callback', limitMs: 5 }
    const silent = create({ accounts: never, callbackTimeoutMs: 5 })
    await expect(silent.enqueue(media)).rejects.toMatchObject({ ...error, callback: 'accounts' })
    const deaf = create({ accounts: () => undefined, onFailed: never, callbackTimeoutMs: 5 })
    await expect(deaf.enqueue(media)).rejects.toMatchObject({ ...error, callback: 'onFailed' })
  })

  it('lets an in-process queue archive what it took', async () => {
    const archive = create({ queue: createInProcessQueue() })
    await archive.enqueue([await photo(), await photo()])
    expect(await archive.close()).toEqual([])
    expect(archived).toHaveLength(2)
    expect(storage.keys()).toEqual(archived.map(({ key }) => key).sort())
  })
})

describe('processJob', () => {
  const jobOf = (media: MediaReference, more: object = {}): MediaJob => ({
    version: 1,
    accountId: 'pixels',
    media,
    ...more,
  })

  const run = (archive: MediaArchive, media: MediaReference, attempt = 1): Promise<JobOutcome> =>
    archive.processJob(jobOf(media), { attempt })

  /** Runs the job that the last outcome says to keep. */
  const again = (archive: MediaArchive, last: JobOutcome, attempt: number): Promise<JobOutcome> =>
    archive.processJob('job' in last ? last.job : jobOf({} as MediaReference), { attempt })

  const aged = async (ageMs: number): Promise<MediaReference> => ({
    ...(await freshPhoto()),
    timestamp: new Date(Date.now() - ageMs).toISOString(),
  })

  it('archives, tells and is done', async () => {
    expect(await run(create(), await photo())).toEqual({ outcome: 'done' })
    expect(archived).toMatchObject([{ sha256, accountId: 'pixels' }])
    expect(types()).toEqual(['archived'])
  })

  it('keeps the account that the job was made for', async () => {
    const archive = create({ accounts: () => accountOf({ accountId: 'new-owner' }) })
    await run(archive, await photo())
    expect(archived).toMatchObject([{ accountId: 'pixels', key: expect.stringContaining('/pixels/') }])
  })

  it('retries after the time that Meta asks for, while the media lives', async () => {
    api.fail({ on: 'look-up', kind: 'status', status: 429, headers: { 'retry-after': '4000' } })
    const reference = await freshPhoto()
    vi.spyOn(Math, 'random').mockReturnValue(0)
    expect(await run(create(), reference)).toEqual({
      outcome: 'retry',
      job: jobOf(reference),
      afterSeconds: 4_000,
      isAttempt: true,
      until: new Date(Date.parse(reference.timestamp) + 7 * DAY_MS).toISOString(),
      error: expect.objectContaining({ code: 'graph-api', status: 429 }),
    })
    expect(failed).toEqual([])
  })

  it('waits longer with each attempt', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    const archive = create()
    const reference = await freshPhoto()
    const delays: unknown[] = []
    for (const attempt of [1, 2, 5, 500]) delays.push(await run(archive, reference, attempt))
    expect(delays).toMatchObject([4, 8, 60, 2_700].map((afterSeconds) => ({ outcome: 'retry', afterSeconds })))
  })

  it.each([
    ['media-gone', 2],
    ['integrity-mismatch', 3],
  ])('gives %s up when it has come %d times, however many attempts failed otherwise', async (code, most) => {
    const archive = create()
    const reference = code === 'media-gone' ? await goneMedia() : await freshPhoto()
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    let outcome = await run(archive, reference, 4)
    expect(outcome).toMatchObject({ outcome: 'retry', error: { code: 'graph-api' } })
    api.clearFaults()
    if (code === 'integrity-mismatch') api.fail({ on: 'download', kind: 'flip-bit' })
    for (let times = 1; times < most; times++) {
      outcome = await again(archive, outcome, 4 + times)
      expect(outcome).toMatchObject({ outcome: 'retry', error: { code }, job: { faults: { [code]: times } } })
      const { afterSeconds } = outcome as { afterSeconds: number }
      expect(afterSeconds).toBeGreaterThanOrEqual(150)
      expect(afterSeconds).toBeLessThanOrEqual(300)
    }
    expect(failed).toEqual([])
    outcome = await again(archive, outcome, 4 + most)
    expect(outcome).toMatchObject({ outcome: 'dead-letter', error: { code } })
    expect(outcome).not.toHaveProperty('job.faults')
    expect(outcome).not.toHaveProperty('job.media.downloadUrl')
    expect(failed).toMatchObject([{ accountId: 'pixels', media: { mediaId: reference.mediaId }, error: { code } }])
    expect(events.at(-1)).toMatchObject({ type: 'dead-letter', mediaId: reference.mediaId, accountId: 'pixels' })
    expect(storage.keys()).toEqual([])
  })

  it('gives up at once what no retry can mend', async () => {
    api.fail({ on: 'look-up', kind: 'status', status: 403 })
    expect(await run(create(), await freshPhoto())).toMatchObject({
      outcome: 'dead-letter',
      error: { code: 'graph-api', retryable: false },
    })
    expect(failed).toHaveLength(1)
  })

  it('gives up what still fails when Meta has forgotten the media, after a first attempt', async () => {
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    const archive = create()
    expect(await run(archive, await aged(7 * DAY_MS - 60_000))).toMatchObject({ outcome: 'retry' })
    expect(await run(archive, await aged(7 * DAY_MS + 60_000))).toMatchObject({
      outcome: 'dead-letter',
      error: { code: 'graph-api', retryable: true },
    })
    const brief = create({ accounts: () => accountOf({ mediaLifetimeMs: 3_600_000 }) })
    expect(await run(brief, await aged(3_660_000))).toMatchObject({ outcome: 'dead-letter' })
    expect(failed).toHaveLength(2)
    api.clearFaults()
    expect(await run(archive, await aged(8 * DAY_MS))).toEqual({ outcome: 'done' })
  })

  it('gives up a job whose number has no account any more', async () => {
    expect(await run(create(), await photo({ phoneNumberId: OTHER_NUMBER }))).toMatchObject({
      outcome: 'dead-letter',
      error: { code: 'unknown-number' },
    })
    expect(failed).toMatchObject([{ accountId: 'pixels' }])
  })

  it('keeps a job while accounts throws', async () => {
    const down = new Error('the database is down')
    const before = Date.now()
    const outcome = await run(create({ accounts: throwing(down) }), await photo())
    expect(outcome).toMatchObject({ outcome: 'retry', error: down, isAttempt: true })
    const until = outcome.outcome === 'retry' ? Date.parse(outcome.until) : Number.NaN
    expect(until).toBeGreaterThanOrEqual(before + 7 * DAY_MS)
    expect(until).toBeLessThanOrEqual(Date.now() + 7 * DAY_MS)
    expect(failed).toEqual([])
  })

  it('keeps a job whose failure onFailed did not take', async () => {
    const down = new Error('the database is down')
    api.fail({ on: 'look-up', kind: 'status', status: 403 })
    const outcome = await run(create({ onFailed: throwing(down) }), await freshPhoto(), 2)
    expect(outcome).toMatchObject({ outcome: 'retry', error: down, isAttempt: true })
    expect(types()).toEqual(['attempt-failed', 'dead-letter', 'callback-failed'])
  })

  it.each([
    ['an error', new Error('the database is down')],
    ['one of our errors', new WrongAccountError({ accountId: 'pixels' })],
    ['a rejected token', new AccessTokenError({ reason: 'rejected' })],
  ])('keeps a job whose media onArchived did not take, and finds the object next time: %s', async (_name, error) => {
    let isDown = true
    const onArchived = async (media: ArchivedMedia): Promise<void> => {
      if (isDown) throw error
      archived.push(media)
    }
    const archive = create({ onArchived })
    const reference = await photo()
    const outcome = await run(archive, reference)
    expect(outcome).toMatchObject({ outcome: 'retry', isAttempt: true })
    expect(outcome.outcome === 'retry' && outcome.error).toBe(error)
    isDown = false
    expect(await run(archive, reference, 2)).toEqual({ outcome: 'done' })
    expect(archived).toMatchObject([{ alreadyStored: true, sha256 }])
    expect(failed).toEqual([])
    expect(types()).toEqual(['archived', 'callback-failed', 'already-stored'])
  })

  it('keeps a job whose worker is stopped, however old it is', async () => {
    api.fail({ on: 'look-up', kind: 'stall' })
    const reason = new QueueFullError({ limit: 1, problem: 'is closed' })
    const controller = new AbortController()
    const job = jobOf(await aged(8 * DAY_MS))
    const going = create().processJob(job, { attempt: 1, signal: controller.signal })
    await vi.waitFor(() => expect(api.requests).toHaveLength(1), PATIENT)
    controller.abort(reason)
    expect(await going).toMatchObject({ outcome: 'retry', error: reason, isAttempt: false, afterSeconds: 0 })
    expect(failed).toEqual([])
  })

  it('refuses a job of a form it does not know', async () => {
    const job = jobOf(await photo(), { version: 2 }) as MediaJob
    expect(await create().processJob(job, { attempt: 1 })).toMatchObject({
      outcome: 'dead-letter',
      error: { code: 'invalid-option', option: 'job.version' },
    })
    expect(failed).toHaveLength(1)
    expect(api.requests).toEqual([])
  })

  it.each([
    ['another version', { version: 2, accountId: 'pixels', medium: {} }, 'job.version'],
    ['no media', { version: 1, accountId: 'pixels' }, 'job.media'],
    ['nothing', null, 'job.version'],
    ['media without a type', { version: 1, accountId: 'pixels', media: { mediaId: '1' } }, 'job.media.mediaType'],
    ['no account', { version: 1, media: { mediaId: '1', timestamp: '2026-11-22T10:00:00Z' } }, 'job.accountId'],
  ])('makes a dead letter of a job that can’t be read, and tells its owner: %s', async (_name, job, option) => {
    const outcome = await create().processJob(job as unknown as MediaJob, { attempt: 1 })
    expect(outcome).toEqual({
      outcome: 'dead-letter',
      job,
      error: expect.objectContaining({ code: 'invalid-option', option }),
    })
    expect(types()).toEqual(['dead-letter'])
    expect(failed).toHaveLength(1)
    expect(api.requests).toEqual([])
  })

  it.each<[string, (down: () => never) => Partial<MediaArchiveOptions>, string]>([
    ['accounts', (down) => ({ accounts: down }), 'retry'],
    ['storage', (down) => ({ storage: down }), 'retry'],
    ['onArchived', (down) => ({ onArchived: down }), 'retry'],
    ['onFailed', (down) => ({ onFailed: down, accounts: () => undefined }), 'retry'],
  ])('calls %s that throws ten times at least, and gives up a day after the media died', async (callback, options) => {
    // Such errors may quote whatever they were asked for.
    const down = Object.assign(new Error('no row for +1 202 555 0143'), { code: 'ECONNREFUSED' })
    const archive = create(options(throwing(down)))
    const young = await aged(8 * DAY_MS - 60_000)
    const old = await aged(8 * DAY_MS + 60_000)
    expect(await run(archive, young, 500)).toMatchObject({ outcome: 'retry', error: down })
    expect(await run(archive, old, 9)).toMatchObject({ outcome: 'retry', error: down })
    expect(failed).toEqual([])
    expect(await run(archive, old, 10)).toMatchObject({
      outcome: 'dead-letter',
      error: {
        code: 'callback-failed',
        callback,
        retryable: true,
        cause: { code: 'ECONNREFUSED', message: 'ECONNREFUSED' },
      },
    })
    expect(failed).toHaveLength(callback === 'onFailed' ? 0 : 1)
    expect(types().at(-1)).toBe('dead-letter')
  })

  it('makes a dead letter although neither onArchived nor onFailed can be told', async () => {
    const down = throwing(new Error('the database is down'))
    const archive = create({ onArchived: down, onFailed: down })
    expect(await run(archive, await aged(9 * DAY_MS), 10)).toMatchObject({
      outcome: 'dead-letter',
      error: { code: 'callback-failed', callback: 'onArchived' },
    })
  })

  it('tries once more before the media dies, when Meta asks for more time than it has', async () => {
    api.fail({ on: 'look-up', kind: 'status', status: 503, headers: { 'retry-after': '7200' } })
    const archive = create()
    const waits: unknown[] = []
    for (const leftMs of [3_600_000, 60_000, 10_000]) waits.push(await run(archive, await aged(7 * DAY_MS - leftMs)))
    expect(waits).toMatchObject([{ outcome: 'retry' }, { outcome: 'retry' }, { outcome: 'dead-letter' }])
    const seconds = waits.flatMap((outcome) => (outcome as { afterSeconds?: number }).afterSeconds ?? [])
    expect(seconds[0]).toBeGreaterThan(3_530)
    expect(seconds[0]).toBeLessThanOrEqual(3_540)
    expect(seconds[1]).toBeGreaterThan(20)
    expect(seconds[1]).toBeLessThanOrEqual(30)
  })

  it.each([
    [400, 130429],
    [400, 4],
    [429, undefined],
  ])('waits a minute at least for a rate limit that names no time: HTTP %i, code %s', async (status, code) => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const body = code === undefined ? '' : JSON.stringify({ error: { message: 'too many calls', code } })
    api.fail({ on: 'look-up', kind: 'status', status, body })
    expect(await run(create(), await freshPhoto())).toMatchObject({ outcome: 'retry', afterSeconds: 60 })
  })

  it('stops at the worker’s deadline, and counts the attempt', async () => {
    api.fail({ on: 'look-up', kind: 'stall' })
    const job = jobOf(await freshPhoto())
    const { signal } = new AbortController()
    const context = { attempt: 1, deadline: new Date(Date.now() + 50) }
    const outcomes = await Promise.all([
      create().processJob(job, context),
      create().processJob(job, { ...context, signal }),
    ])
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ outcome: 'retry', isAttempt: true, error: { code: 'timeout' } })
    }
    expect(failed).toEqual([])
  })

  it.each([
    ['before', true],
    ['during', false],
  ])('heeds its signal beside a deadline: aborted %s the attempt', async (_name, isBefore) => {
    api.fail({ on: 'look-up', kind: 'stall' })
    const reason = new Error('the worker leaves')
    const controller = new AbortController()
    if (isBefore) controller.abort(reason)
    const context = { attempt: 1, signal: controller.signal, deadline: new Date(Date.now() + 3_600_000) }
    const going = create().processJob(jobOf(await freshPhoto()), context)
    if (!isBefore) {
      await vi.waitFor(() => expect(api.requests).toHaveLength(1), PATIENT)
      controller.abort(reason)
    }
    expect(await going).toMatchObject({ outcome: 'retry', isAttempt: false, afterSeconds: 0, error: reason })
  })

  it('pauses the account whose token Meta rejects, and no other', async () => {
    const tokens = new Map([[NUMBER, 'stale-token']])
    const archive = create({
      accounts: (number) =>
        accountOf({
          accountId: number === NUMBER ? 'pixels' : 'acme',
          accessToken: tokens.get(number) ?? api.accessToken,
        }),
    })
    const reference = await freshPhoto()
    vi.spyOn(Math, 'random').mockReturnValue(0)
    expect(await run(archive, reference)).toMatchObject({
      ...{ outcome: 'retry', afterSeconds: 60, isAttempt: false },
      error: { code: 'access-token', reason: 'rejected' },
    })
    expect(events.at(-1)).toEqual({
      ...{ type: 'account-paused', accountId: 'pixels', forSeconds: 60, reason: 'access-token' },
      phoneNumberId: NUMBER,
    })
    const requests = api.requests.length
    expect(await run(archive, await photo())).toMatchObject({
      ...{ outcome: 'retry', afterSeconds: 60, isAttempt: false },
      error: { code: 'access-token', reason: 'rejected' },
    })
    expect(api.requests).toHaveLength(requests)
    const others = jobOf(await photo({ phoneNumberId: OTHER_NUMBER }), { accountId: 'acme' })
    expect(await archive.processJob(others, { attempt: 1 })).toEqual({ outcome: 'done' })

    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
    expect(await run(archive, reference, 2)).toMatchObject({ outcome: 'retry', afterSeconds: 120 })
    vi.setSystemTime(Date.now() + 120_000)
    tokens.clear()
    expect(await run(archive, reference, 3)).toEqual({ outcome: 'done' })
    tokens.set(NUMBER, 'stale-token')
    expect(await run(archive, await freshPhoto())).toMatchObject({ outcome: 'retry', afterSeconds: 60 })
    expect(failed).toEqual([])
  })

  it('rests an account at a rate limit, and no other', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1)
    api.fail({ on: 'look-up', kind: 'status', status: 429, headers: { 'retry-after': '100' }, times: 1 })
    const archive = create()
    expect(await run(archive, await freshPhoto())).toMatchObject({ outcome: 'retry', isAttempt: true })
    expect(events.at(-1)).toEqual({
      ...{ type: 'account-paused', accountId: 'pixels', forSeconds: 100, reason: 'rate-limit' },
    })
    const requests = api.requests.length
    expect(await run(archive, await photo())).toMatchObject({
      ...{ outcome: 'retry', afterSeconds: 125, isAttempt: false, error: { code: 'graph-api', status: 429 } },
    })
    expect(api.requests).toHaveLength(requests)
    const others = jobOf(await photo({ phoneNumberId: OTHER_NUMBER }), { accountId: 'acme' })
    const both = create({ accounts: () => accountOf({ accountId: 'acme' }) })
    expect(await both.processJob(others, { attempt: 1 })).toEqual({ outcome: 'done' })
  })

  it('gives media that dies during a pause its last try before', async () => {
    const archive = create()
    api.fail({ on: 'look-up', kind: 'status', status: 429, headers: { 'retry-after': '3600' }, times: 1 })
    await run(archive, await freshPhoto())
    const outcome = await run(archive, await aged(7 * DAY_MS - 600_000))
    expect(outcome).toMatchObject({ outcome: 'retry', isAttempt: false })
    expect((outcome as { afterSeconds: number }).afterSeconds).toBeLessThanOrEqual(540)
    expect(await run(archive, await aged(7 * DAY_MS - 5_000))).toEqual({ outcome: 'done' })
  })

  it('tries media before it dies that found the token dead itself', async () => {
    let token = 'stale-token'
    const archive = create({ accounts: () => accountOf({ accessToken: token }) })
    vi.useFakeTimers({ toFake: ['Date'] })
    for (const seconds of [60, 120]) {
      expect(await run(archive, await freshPhoto())).toMatchObject({ outcome: 'retry', afterSeconds: seconds })
      vi.setSystemTime(Date.now() + seconds * 1_000)
    }
    const dying = await aged(7 * DAY_MS - 200_000)
    const diesAt = Date.now() + 200_000
    let outcome = await run(archive, dying)
    expect(outcome).toMatchObject({ outcome: 'retry', error: { code: 'access-token' }, afterSeconds: 140 })
    token = api.accessToken
    for (let runs = 0; outcome.outcome === 'retry' && runs < 10; runs++) {
      vi.setSystemTime(Date.now() + outcome.afterSeconds * 1_000)
      outcome = await again(archive, outcome, 1)
    }
    expect(outcome).toEqual({ outcome: 'done' })
    expect(Date.now()).toBeLessThan(diesAt)
  })

  it('tries all media that dies during a pause, once one has found that the token works again', async () => {
    let token = 'stale-token'
    const archive = create({ accounts: () => accountOf({ accessToken: token }) })
    vi.useFakeTimers({ toFake: ['Date'] })
    await run(archive, await freshPhoto())
    vi.setSystemTime(Date.now() + 60_000)
    await run(archive, await freshPhoto())
    vi.setSystemTime(Date.now() + 60_000)
    token = api.accessToken
    const dying = [await aged(7 * DAY_MS - 15_000), await aged(7 * DAY_MS - 15_000)]
    const [first, second] = await Promise.all(dying.map((media) => run(archive, media)))
    expect([first, second]).toMatchObject([{ outcome: 'done' }, { outcome: 'retry', afterSeconds: 7 }])
    expect(second && (await again(archive, second, 1))).toEqual({ outcome: 'done' })
  })

  it('takes no "at once" for an answer to too many calls', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    api.fail({ on: 'look-up', kind: 'status', status: 429, headers: { 'retry-after': '0' } })
    expect(await run(create(), await freshPhoto())).toMatchObject({ outcome: 'retry', afterSeconds: 60 })
  })

  it('keeps no download URL in the dead letter of a job that can’t be run', async () => {
    const job = jobOf(await photo(), { accountId: 'bad id' })
    const outcome = await create().processJob(job, { attempt: 1 })
    expect(outcome).toMatchObject({ outcome: 'dead-letter', error: { option: 'job.accountId' } })
    expect(outcome).not.toHaveProperty('job.media.downloadUrl')
  })

  it('asks once for media that was gone twice lately and comes again: it may have come back', async () => {
    const archive = create()
    const media = await goneMedia()
    const again = { ...media, messageId: 'wamid.again' }
    vi.useFakeTimers({ toFake: ['Date'] })
    expect(await run(archive, media)).toMatchObject({ outcome: 'retry', error: { code: 'media-gone' } })
    vi.setSystemTime(Date.now() + 120_000)
    expect(await run(archive, media)).toMatchObject({ outcome: 'dead-letter', error: { code: 'media-gone' } })
    const requests = api.requests.length
    expect(await run(archive, again)).toMatchObject({ outcome: 'dead-letter', error: { code: 'media-gone' } })
    expect(api.requests).toHaveLength(requests + 1)
    expect(await run(archive, again, 2)).toMatchObject({ outcome: 'dead-letter', error: { code: 'media-gone' } })
    expect(api.requests).toHaveLength(requests + 1)
    expect(failed[1]).toMatchObject({ media: { messageId: 'wamid.again' } })
  })

  it('gives media of two messages its late try, though both find it gone at once', async () => {
    const archive = create()
    const media = await freshPhoto()
    api.fail({ on: 'look-up', kind: 'status', status: 400, times: 2 })
    const first = await run(archive, media)
    const second = await run(archive, { ...media, messageId: 'wamid.edited' })
    expect([first, second]).toMatchObject([{ outcome: 'retry' }, { outcome: 'retry' }])
    expect([await again(archive, first, 2), await again(archive, second, 2)]).toMatchObject([
      { outcome: 'done' },
      { outcome: 'done' },
    ])
    expect(failed).toEqual([])
  })

  it('rests an account whose provider counts look-ups that fail', async () => {
    const archive = create({ maxGonePerHour: 2 })
    for (let times = 0; times < 2; times++) await run(archive, await goneMedia())
    expect(await run(archive, await freshPhoto())).toMatchObject({ outcome: 'retry', isAttempt: false })
    expect(() => create({ maxGonePerHour: 0.5 })).toThrow('maxGonePerHour must be a positive whole number, got 0.5')
  })

  it('gives up media that died while its account had no token', async () => {
    const archive = create({ accounts: () => accountOf({ accessToken: () => undefined }) })
    expect(await run(archive, await aged(8 * DAY_MS))).toMatchObject({
      outcome: 'dead-letter',
      error: { code: 'access-token', reason: 'missing' },
    })
    expect(types()).toEqual(['attempt-failed', 'account-paused', 'dead-letter'])
    expect(failed).toHaveLength(1)
  })

  /** Runs jobs of one account's number with a token function; `reasons` are those that it was asked with. */
  const withFunction = (give: (reason: string) => string | undefined): { archive: MediaArchive; reasons: string[] } => {
    const reasons: string[] = []
    const accessToken = (reason: string): string | undefined => {
      reasons.push(reason)
      return give(reason)
    }
    return { archive: create({ accounts: () => accountOf({ accessToken }) }), reasons }
  }
  const lookUps = (): number => api.requests.filter(({ kind }) => kind === 'look-up').length

  it('asks the token function again within the only attempt', async () => {
    const { archive, reasons } = withFunction((reason) => (reason === 'rejected' ? api.accessToken : 'stale-token'))
    expect(await run(archive, await freshPhoto())).toEqual({ outcome: 'done' })
    expect(reasons).toEqual(['first', 'rejected'])
    expect(types()).toEqual(['archived'])
  })

  it('asks the token function with "rejected" after a pause, too, until a token works', async () => {
    let token = 'stale-token'
    const { archive, reasons } = withFunction((reason) => (reason === 'rejected' ? token : 'stale-token'))
    vi.useFakeTimers({ toFake: ['Date'] })
    expect(await run(archive, await freshPhoto())).toMatchObject({ outcome: 'retry', isAttempt: false })
    expect(lookUps()).toBe(1)
    vi.setSystemTime(Date.now() + 60_000)
    expect(await run(archive, await freshPhoto())).toMatchObject({ outcome: 'retry', isAttempt: false })
    expect(reasons).toEqual(['first', 'rejected', 'rejected'])
    vi.setSystemTime(Date.now() + 120_000)
    token = api.accessToken
    expect(await run(archive, await freshPhoto())).toEqual({ outcome: 'done' })
    expect(await archive.archive(await freshPhoto())).toMatchObject({ sha256 })
    expect(reasons.slice(3)).toEqual(['rejected', 'first', 'rejected'])
  })

  it('asks with "first" after another fault than a rejection', async () => {
    let fresh = 'stale-token'
    const { archive, reasons } = withFunction((reason) => {
      if (reason === 'rejected') fresh = api.accessToken
      return fresh
    })
    api.fail({ on: 'look-up', kind: 'status', status: 401, times: 1 })
    api.fail({ on: 'look-up', kind: 'status', status: 503, times: 1 })
    const reference = await freshPhoto()
    expect(await run(archive, reference)).toMatchObject({ outcome: 'retry', isAttempt: true, error: { status: 503 } })
    expect(await run(archive, reference, 2)).toEqual({ outcome: 'done' })
    expect(reasons).toEqual(['first', 'rejected', 'first'])
  })

  it('pauses the number whose token Meta rejects, and no other number of its account', async () => {
    const archive = create({
      accounts: (number) => accountOf({ accessToken: number === NUMBER ? 'stale-token' : api.accessToken }),
    })
    const reference = await freshPhoto()
    const { downloadUrl, downloadUrlExpiresAt, ...other } = await photo({ phoneNumberId: OTHER_NUMBER })
    expect(await run(archive, reference)).toMatchObject({ outcome: 'retry', afterSeconds: 60 })
    expect(await run(archive, other)).toEqual({ outcome: 'done' })
    const requests = api.requests.length
    expect(await run(archive, reference)).toMatchObject({ outcome: 'retry', isAttempt: false })
    expect(api.requests).toHaveLength(requests)
  })

  it('takes what was stored already for no proof of the token', async () => {
    let token = api.accessToken
    const archive = create({ accounts: () => accountOf({ accessToken: token }) })
    const stored = await aged(600_000)
    expect(await run(archive, stored)).toEqual({ outcome: 'done' })
    token = 'stale-token'
    vi.useFakeTimers({ toFake: ['Date'] })
    expect(await run(archive, await freshPhoto())).toMatchObject({ outcome: 'retry', afterSeconds: 60 })
    vi.setSystemTime(Date.now() + 60_000)
    const requests = api.requests.length
    expect(await run(archive, stored)).toEqual({ outcome: 'done' })
    expect(api.requests).toHaveLength(requests)
    expect(await run(archive, await freshPhoto())).toMatchObject({ outcome: 'retry', afterSeconds: 120 })
  })

  it.each<[string, unknown]>([
    ['a bigint', 3_600_000n],
    ['a text', '3600000'],
    ['null', null],
  ])('names the lifetime that is %s, and does not come again', async (_what, mediaLifetimeMs) => {
    const archive = create({ accounts: () => ({ ...accountOf(), mediaLifetimeMs }) as Account })
    expect(await run(archive, await freshPhoto())).toMatchObject({
      outcome: 'dead-letter',
      error: { code: 'invalid-option', option: 'mediaLifetimeMs' },
    })
    expect(failed).toHaveLength(1)
  })

  it('knows during a pause how long the number’s media lives', async () => {
    const accounts = (number: string): Account => accountOf(number === NUMBER ? {} : { mediaLifetimeMs: 3_600_000 })
    const archive = create({ accounts })
    api.fail({ on: 'look-up', kind: 'status', status: 429, headers: { 'retry-after': '3600' }, times: 1 })
    await run(archive, await freshPhoto())
    const brief = { ...(await aged(1_800_000)), phoneNumberId: OTHER_NUMBER }
    const outcome = await run(archive, brief)
    expect(outcome).toMatchObject({
      ...{ outcome: 'retry', isAttempt: false },
      until: new Date(Date.parse(brief.timestamp) + 3_600_000).toISOString(),
    })
    const { afterSeconds } = outcome as { afterSeconds: number }
    expect(afterSeconds).toBeGreaterThan(1_700)
    expect(afterSeconds).toBeLessThanOrEqual(1_740)
  })

  it('makes one look-up a pause for a backlog of dead media under a dead token', async () => {
    const { archive, reasons } = withFunction(() => 'stale-token')
    vi.spyOn(Math, 'random').mockReturnValue(0)
    vi.useFakeTimers({ toFake: ['Date'] })
    const backlog = await Promise.all(Array.from({ length: 100 }, () => aged(8 * DAY_MS)))
    for (const seconds of [60, 120, 240]) {
      const outcomes: JobOutcome[] = []
      for (const media of backlog) outcomes.push(await run(archive, media))
      expect(outcomes[0]).toMatchObject({ outcome: 'dead-letter', error: { code: 'access-token' } })
      for (const outcome of outcomes.slice(1)) {
        expect(outcome).toMatchObject({ outcome: 'retry', isAttempt: false, afterSeconds: seconds })
      }
      vi.setSystemTime(Date.now() + seconds * 1_000)
    }
    expect(lookUps()).toBe(3)
    expect(reasons).toEqual(['first', 'rejected', 'rejected', 'rejected'])
  })

  it('makes one look-up a minute for media that dies while its number has a dead token', async () => {
    let token = 'stale-token'
    const { archive, reasons } = withFunction(() => token)
    vi.useFakeTimers({ toFake: ['Date'] })
    const tryAll = async (): Promise<JobOutcome[]> => {
      const outcomes: JobOutcome[] = []
      for (let count = 0; count < 100; count++) outcomes.push(await run(archive, await aged(7 * DAY_MS - 10_000)))
      return outcomes
    }
    for (const outcome of await tryAll()) expect(outcome).toMatchObject({ outcome: 'retry', isAttempt: false })
    expect(lookUps()).toBe(1)
    vi.setSystemTime(Date.now() + 60_000)
    await tryAll()
    expect(lookUps()).toBe(2)
    vi.setSystemTime(Date.now() + 60_000)
    await tryAll()
    expect(lookUps()).toBe(3)
    expect(reasons).toEqual(['first', 'rejected', 'rejected', 'rejected'])
    vi.setSystemTime(Date.now() + 60_000)
    token = api.accessToken
    for (const outcome of await tryAll()) expect(outcome).toEqual({ outcome: 'done' })
  })

  it.each([
    ['the function', never],
    ['its renewal', (reason: string) => (reason === 'rejected' ? never() : 'stale-token')],
  ])('pauses the number alone whose token is not told: %s hangs', async (_what, accessToken) => {
    const accounts = (number: string): Account => accountOf(number === NUMBER ? { accessToken } : {})
    const archive = create({ accounts, callbackTimeoutMs: 20, queue: createInProcessQueue({ concurrency: 1 }) })
    const { downloadUrl, downloadUrlExpiresAt, ...other } = await photo({ phoneNumberId: OTHER_NUMBER })
    await archive.enqueue([await freshPhoto(), await freshPhoto(), other])
    await vi.waitFor(() => expect(archived).toHaveLength(1), PATIENT)
    expect(events.slice(0, 2)).toMatchObject([
      {
        type: 'attempt-failed',
        error: { reason: 'unavailable', cause: { message: 'accessToken did not end within 20 ms' } },
      },
      { type: 'account-paused', phoneNumberId: NUMBER, reason: 'access-token' },
    ])
    expect(await archive.close()).toHaveLength(2)
  })

  it('asks once for another token for a hundred jobs under way together', async () => {
    const { archive, reasons } = withFunction(() => 'stale-token')
    const backlog = await Promise.all(Array.from({ length: 100 }, freshPhoto))
    await Promise.all(backlog.map((media) => run(archive, media)))
    expect(lookUps()).toBe(100)
    expect(reasons.filter((reason) => reason === 'rejected')).toHaveLength(1)
    expect(types().filter((type) => type === 'account-paused')).toHaveLength(1)
  })

  describe('with integrity report', () => {
    const OTHER_HASH = 'ab'.repeat(32)
    const reporting = (more: Partial<MediaArchiveOptions> = {}): MediaArchive =>
      create({ integrity: 'report', ...more })
    const announcedOtherwise = async (): Promise<MediaReference> => ({ ...(await photo()), sha256: OTHER_HASH })
    /** As a queue keeps it, for a worker of another process. */
    const viaJson = (outcome: JobOutcome): JobOutcome => JSON.parse(JSON.stringify(outcome))

    it('settles it over jobs of one attempt each, other faults in between', async () => {
      const first = await run(reporting(), await announcedOtherwise())
      expect(first).toMatchObject({
        outcome: 'retry',
        job: { seenSha256: sha256, faults: { 'integrity-mismatch': 1 } },
      })
      api.fail({ on: 'look-up', kind: 'status', status: 503, times: 1 })
      const second = await again(reporting(), viaJson(first), 2)
      expect(second).toMatchObject({ outcome: 'retry', job: { seenSha256: sha256 }, error: { status: 503 } })
      expect(await again(reporting(), viaJson(second), 3)).toEqual({ outcome: 'done' })
      expect(archived).toMatchObject([{ integrity: 'mismatch-reported', sha256 }])
    })

    it('looks the size up although no attempt was counted', async () => {
      const first = await run(reporting(), await announcedOtherwise())
      expect(await again(reporting(), viaJson(first), 1)).toEqual({ outcome: 'done' })
    })

    it('keeps the last of hashes that differ, and none in a dead letter', async () => {
      for (const offset of [1_000, 1_001, 1_002]) api.fail({ on: 'download', kind: 'flip-bit', offset, times: 1 })
      const seen: unknown[] = []
      const archive = reporting()
      const reference = await freshPhoto()
      let outcome = await run(archive, reference)
      for (const attempt of [2, 3]) {
        seen.push('job' in outcome && outcome.job.seenSha256)
        outcome = await again(archive, outcome, attempt)
      }
      expect(new Set(seen).size).toBe(2)
      expect(outcome).toMatchObject({ outcome: 'dead-letter', error: { code: 'integrity-mismatch' } })
      expect(outcome).not.toHaveProperty('job.seenSha256')
    })

    it('is not what a job can ask for', async () => {
      const job = jobOf(await announcedOtherwise(), { seenSha256: sha256 })
      expect(await create().processJob(job, { attempt: 2 })).toMatchObject({
        ...{ outcome: 'retry', error: { code: 'integrity-mismatch' } },
      })
      expect(storage.keys()).toEqual([])
    })

    it('needs two attempts where no other call follows', async () => {
      await expect(reporting().archive(await photo())).rejects.toMatchObject({
        ...{ code: 'invalid-option', option: 'attempts' },
      })
      expect(await reporting({ attempts: 2 }).archive(await photo())).toMatchObject({ sha256 })
    })
  })
})

describe('close', () => {
  const closing = (name: string, closed: string[]): ObjectStorage => ({
    ...createMemoryStorage(),
    close: async () => void closed.push(name),
  })

  it('waits for what is under way, closes each storage once, and takes nothing more', async () => {
    const order: string[] = []
    const shared = closing('shared', order)
    let free = (): void => {}
    const held = new Promise<void>((resolve) => {
      free = resolve
    })
    const archive = create({ storage: shared, onArchived: () => held.then(() => order.push('told')) })
    const going = archive.archive(await photo())
    const closed = archive.close().then((left) => {
      order.push('closed')
      return left
    })
    const reference = await photo()
    for (const refused of [
      archive.archive(reference),
      archive.enqueue(reference),
      archive.upload(jpeg, { accountId: 'pixels' }),
      archive.signUrl('whatsapp-media/x', { accountId: 'pixels' }),
    ])
      await expect(refused).rejects.toMatchObject({ code: 'invalid-option', message: 'archive is closed' })
    expect(order).toEqual([])
    free()
    expect(await closed).toEqual([])
    expect(await going).toMatchObject({ sha256 })
    expect(order).toEqual(['told', 'shared', 'closed'])
  })

  it('ends well after what was under way has failed', async () => {
    const closed: string[] = []
    const archive = create({ storage: closing('shared', closed) })
    const going = archive.archive(await goneMedia())
    const [left] = await Promise.all([archive.close(), expect(going).rejects.toMatchObject({ code: 'media-gone' })])
    expect(left).toEqual([])
    expect(closed).toEqual(['shared'])
  })

  it('closes the storages of all accounts that were used', async () => {
    const closed: string[] = []
    const stores = new Map(['pixels', 'acme', 'idle'].map((name) => [name, closing(name, closed)]))
    const archive = create({ storage: (accountId) => stores.get(accountId) as ObjectStorage })
    for (const accountId of ['pixels', 'acme', 'pixels']) await archive.upload(jpeg, { accountId })
    await archive.close()
    expect(closed.sort()).toEqual(['acme', 'pixels'])
  })

  it.each([
    ['rejects', () => Promise.reject(new Error('down'))],
    ['throws', throwing(new Error('down'))],
  ])('hands back what is left though a storage’s close %s', async (_how, close) => {
    const closed: string[] = []
    const stores = [{ ...createMemoryStorage(), close }, closing('acme', closed)]
    const archive = create({
      storage: (accountId) => stores[accountId === 'acme' ? 1 : 0] as ObjectStorage,
      queue: createInProcessQueue(),
    })
    for (const accountId of ['pixels', 'acme']) await archive.upload(jpeg, { accountId })
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    await archive.enqueue(await freshPhoto())
    expect(await archive.close()).toHaveLength(1)
    expect(closed).toEqual(['acme'])
  })

  it('closes the storages, too, where the queue can’t close', async () => {
    const closed: string[] = []
    const broken: MediaQueue = { ...queue, close: throwing(new Error('down')) }
    await expect(create({ storage: closing('shared', closed), queue: broken }).close()).rejects.toThrow('down')
    expect(closed).toEqual(['shared'])
  })

  it('works off the queue, and hands back what waits for a retry', async () => {
    const [fine, unlucky] = [await freshPhoto(), await freshPhoto()]
    api.fail({ on: 'look-up', kind: 'status', status: 503, mediaId: unlucky.mediaId })
    const archive = create({ queue: createInProcessQueue() })
    await archive.enqueue([fine, unlucky])
    expect(await archive.close()).toEqual([{ version: 1, accountId: 'pixels', media: unlucky }])
    expect(archived).toMatchObject([{ mediaId: fine.mediaId }])
    expect(failed).toEqual([])
    // Asked again, it says the same.
    expect(await archive.close()).toHaveLength(1)
  })

  it('stops in time what its callers wait for', async () => {
    api.fail({ on: 'look-up', kind: 'stall' })
    const archive = create({})
    const [archiving, uploading] = [
      archive.archive(await freshPhoto()),
      archive.upload(new PassThrough(), { accountId: 'pixels' }),
    ]
    const outcomes = Promise.allSettled([archiving, uploading])
    await archive.close({ timeoutMs: 30 })
    expect(await outcomes).toMatchObject([
      { status: 'rejected', reason: { option: 'archive' } },
      { status: 'rejected', reason: { option: 'archive' } },
    ])
  })

  it.each(['accounts', 'storage', 'prefix', 'onArchived'])(
    'ends, and hands the jobs back, when %s hangs',
    async (callback) => {
      const hang = vi.fn(never)
      const archive = create({ [callback]: hang, queue: createInProcessQueue({ concurrency: 1 }) })
      const references = [await photo(), await photo()]
      // `accounts` is asked by enqueue, too.
      const queueing =
        callback === 'accounts' ? hang.mockImplementationOnce(async () => accountOf() as never) : undefined
      await archive.enqueue(references)
      await vi.waitFor(() => expect(hang).toHaveBeenCalledTimes(queueing === undefined ? 1 : 2), PATIENT)
      const outcomes = Promise.allSettled([
        archive.archive(await photo()),
        archive.enqueue(await photo({ phoneNumberId: OTHER_NUMBER })),
        archive.upload(jpeg, { accountId: 'pixels' }),
        archive.signUrl('whatsapp-media/x', { accountId: 'pixels' }),
      ])
      expect((await archive.close({ timeoutMs: 20 })).map(({ media }) => media)).toEqual(references)
      const [archiving, enqueuing, uploading, signing] = await outcomes
      const closed = { status: 'rejected', reason: { option: 'archive' } }
      expect(archiving).toMatchObject(closed)
      if (callback === 'accounts') expect(enqueuing).toMatchObject(closed)
      if (callback === 'storage' || callback === 'prefix') expect([uploading, signing]).toMatchObject([closed, closed])
      expect(failed.filter(({ error }) => error.code !== 'unknown-number')).toEqual([])
    },
  )

  it('leaves a queue and a storage behind that do not close, and hears no more of them', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const closeStorage = vi.fn(never)
    const archive = create({
      queue: { enqueue: async () => {}, close: never },
      storage: { ...storage, close: closeStorage },
    })
    let isClosed = false
    const closing = archive.close({ timeoutMs: 1_000 }).then((left) => {
      isClosed = true
      return left
    })
    await vi.advanceTimersByTimeAsync(2_999)
    expect(isClosed).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(await closing).toEqual([])
    expect(closeStorage).toHaveBeenCalledTimes(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('rejects with what the queue’s close throws, and leaves no timer behind', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const down = new Error('the queue is down')
    const archive = create({ queue: { enqueue: async () => {}, close: async () => throwing(down)() } })
    await expect(archive.close({ timeoutMs: 1_000 })).rejects.toBe(down)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('hands back what does not end in time', async () => {
    api.fail({ on: 'look-up', kind: 'stall' })
    const archive = create({ queue: createInProcessQueue({ concurrency: 1 }) })
    const references = [await freshPhoto(), await freshPhoto()]
    await archive.enqueue(references)
    expect((await archive.close({ timeoutMs: 30 })).map(({ media }) => media)).toEqual(references)
    expect(failed).toEqual([])
  })
})
