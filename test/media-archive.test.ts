import { getEventListeners } from 'node:events'
import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { QueueFullError, WrongAccountError } from '../src/errors.js'
import { hashMessageId } from '../src/events.js'
import type { Account } from '../src/media-archive/accounts.js'
import { createMediaArchive, type MediaArchive, type MediaArchiveOptions } from '../src/media-archive.js'
import { copyFields } from '../src/media-reference/copy-fields.js'
import type { MediaReference } from '../src/media-reference.js'
import { createInProcessQueue } from '../src/queues/in-process.js'
import { createMemoryStorage } from '../src/storage/memory.js'
import type { ObjectStorage } from '../src/storage.js'
import {
  addFreshPhoto,
  addGoneMedia,
  addPhoto,
  api,
  archived,
  buildAccount,
  create,
  events,
  failed,
  jpeg,
  NUMBER,
  never,
  OTHER_NUMBER,
  sha256,
  storage,
  throwing,
  WITHIN_SECONDS,
} from './media-archive/archive-scene.js'

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
    const accounts = (): Account => buildAccount()
    const archive = createMediaArchive({ storage, accounts, cloudApi: api.cloudApi })
    expect(await archive.archive(await addPhoto())).toMatchObject({ accountId: 'pixels', sha256 })
    await expect(archive.archive(await addGoneMedia())).rejects.toMatchObject({ code: 'media-gone' })
    expect(await archive.close()).toEqual([])
  })
})

describe('archive', () => {
  it('archives, and reports it each time, when it was stored before too', async () => {
    const archive = create()
    const reference = await addPhoto()
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
        order.push('reported')
      },
    })
    const reference = await addPhoto()
    await patient.archive(reference).then(() => order.push('resolved'))
    expect(order).toEqual(['reported', 'resolved'])
    const down = new Error('the database is down')
    await expect(create({ onArchived: throwing(down) }).archive(reference)).rejects.toBe(down)
    await expect(create({ onArchived: async () => throwing(down)() }).archive(reference)).rejects.toBe(down)
    expect(failed).toEqual([])
    expect(storage.keys()).toHaveLength(1)
  })

  it('hands a failure to onFailed, and rejects with its error', async () => {
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    const { downloadUrl, downloadUrlExpiresAt, ...told } = await addPhoto({
      filename: 'Payslip.pdf',
      caption: 'for you',
    })
    const reference = { ...told, downloadUrl: 'https://evil.example/?hash=signed-for-a-test', downloadUrlExpiresAt }
    const error = await create()
      .archive(reference as MediaReference)
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'graph-api', status: 503 })
    expect(failed).toHaveLength(1)
    expect(failed[0]).toMatchObject({ error, accountId: 'pixels' })
    expect(failed[0] && copyFields(failed[0].media)).toStrictEqual(told)
    expect(archived).toEqual([])
    for (const shown of [JSON.stringify(failed), inspect(failed, { depth: null })]) {
      expect(shown).toContain(reference.mediaId)
      expect(shown).toContain(hashMessageId(reference.messageId))
      for (const secret of [reference.messageId, 'evil.example/', '15550001111', 'Payslip', 'for you', api.accessToken])
        expect(shown).not.toContain(secret)
    }
  })

  it('rejects with what onFailed throws', async () => {
    const down = new Error('the database is down')
    await expect(create({ onFailed: async () => throwing(down)() }).archive(await addGoneMedia())).rejects.toBe(down)
  })

  it('has no account for an unknown number', async () => {
    const reference = await addPhoto({ phoneNumberId: OTHER_NUMBER })
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
    await expect(create({ accounts: throwing(down) }).archive(await addPhoto())).rejects.toBe(down)
    expect(failed).toEqual([])
  })

  it('passes on an error of this library that callbacks throw, and calls that no failure', async () => {
    const own = new WrongAccountError({ accountId: 'pixels' })
    for (const option of ['accounts', 'storage', 'prefix', 'onArchived']) {
      await expect(create({ [option]: throwing(own) }).archive(await addPhoto())).rejects.toBe(own)
    }
    expect(failed).toEqual([])
  })

  it.each(['accounts', 'storage', 'prefix', 'onArchived'])('does not wait for %s that hangs', async (callback) => {
    const hang = vi.fn(never)
    const controller = new AbortController()
    const going = create({ [callback]: hang }).archive(await addPhoto(), { signal: controller.signal })
    const outcome = going.catch((error: unknown) => error)
    await vi.waitFor(() => expect(hang).toHaveBeenCalledTimes(1), WITHIN_SECONDS)
    const reason = new Error('shutting down')
    controller.abort(reason)
    expect(await outcome).toBe(reason)
    const capped = create({ [callback]: never, callbackTimeoutMs: 5 }).archive(await addPhoto())
    await expect(capped).rejects.toMatchObject({ code: 'timeout', waitedFor: 'callback', callback })
    expect(failed).toEqual([])
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })

  it('does not wait for onFailed that hangs', async () => {
    const hang = vi.fn(never)
    const controller = new AbortController()
    const going = create({ onFailed: hang }).archive(await addGoneMedia(), { signal: controller.signal })
    const outcome = going.catch((error: unknown) => error)
    await vi.waitFor(() => expect(hang).toHaveBeenCalledTimes(1), WITHIN_SECONDS)
    controller.abort('enough')
    expect(await outcome).toBe('enough')
  })

  it.each([
    ['media', null],
    ['media', undefined],
    ['media.mediaType', { mediaId: '1' }],
    ['media.phoneNumberId', { phoneNumberId: 1_065 }],
    ['media.messageId', { messageId: undefined }],
  ])('names what is wrong with a reference, and calls onFailed: %s', async (option, wrong) => {
    const media = option === 'media' || option === 'media.mediaType' ? wrong : { ...(await addPhoto()), ...wrong }
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
      const accounts = (): Account => buildAccount({ appSecret: secret as string })
      const going = create({ accounts }).archive(await addFreshPhoto())
      await expect(going).rejects.toMatchObject({ code: 'invalid-option', option: 'appSecret' })
      expect(failed).toMatchObject([{ accountId: 'pixels', error: { option: 'appSecret' } }])
      expect(api.requests).toEqual([])
    },
  )

  it('refuses an account id that would leave its place in the key', async () => {
    const archive = create({ accounts: () => buildAccount({ accountId: '../pixels' }) })
    await expect(archive.archive(await addPhoto())).rejects.toMatchObject({
      code: 'invalid-option',
      option: 'accountId',
    })
    expect(storage.keys()).toEqual([])
  })

  it.each([
    ['an error', new Error('shutting down')],
    ['one of our errors', new QueueFullError({ limit: 1, problem: 'is closed' })],
  ])('rejects with the signal’s reason, %s, and calls that no failure', async (_name, reason) => {
    api.fail({ on: 'look-up', kind: 'stall' })
    const controller = new AbortController()
    const going = create().archive(await addFreshPhoto(), { signal: controller.signal })
    await vi.waitFor(() => expect(api.requests).toHaveLength(1), WITHIN_SECONDS)
    controller.abort(reason)
    await expect(going).rejects.toBe(reason)
    expect(failed).toEqual([])
  })

  it('takes from an account what belongs to one, and nothing else', async () => {
    const row = { ...buildAccount(), prefix: '+49', attempts: 'many', http: 'none', storage: 'drawer', filename: 'x' }
    const { key } = await create({ accounts: () => row }).archive(await addPhoto())
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
    expect(await create({ accounts: () => new Document() }).archive(await addPhoto())).toMatchObject({
      accountId: 'document',
    })
  })

  it('uses the account’s app secret and media lifetime', async () => {
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    const old = { ...(await addFreshPhoto()), timestamp: new Date(Date.now() - 60_000).toISOString() }
    const accounts = (): Account => buildAccount({ appSecret: 'app-secret', mediaLifetimeMs: 1_000 })
    await expect(create({ accounts, attempts: 2 }).archive(old)).rejects.toMatchObject({ status: 503 })
    expect(api.requests.map(({ url }) => url)).toEqual([expect.stringMatching(/\?appsecret_proof=[0-9a-f]{64}$/)])
  })

  it('asks the account’s token function first, and again when Meta rejects the token', async () => {
    const reasons: string[] = []
    const accessToken = async (reason: string): Promise<string> => {
      reasons.push(reason)
      return reason === 'rejected' ? api.accessToken : 'stale-token'
    }
    const archive = create({ accounts: () => buildAccount({ accessToken }), attempts: 2 })
    expect(await archive.archive(await addFreshPhoto())).toMatchObject({ sha256 })
    expect(reasons).toEqual(['first', 'rejected'])
  })

  it('names the account that has no token', async () => {
    const archive = create({ accounts: async () => buildAccount({ accessToken: undefined }) })
    await expect(archive.archive(await addPhoto())).rejects.toThrow('The access token of account pixels is missing')
    expect(failed).toMatchObject([{ accountId: 'pixels', error: { code: 'access-token', reason: 'missing' } }])
  })

  it('stores in the account’s own storage', async () => {
    const stores = new Map([
      ['pixels', createMemoryStorage()],
      ['acme', createMemoryStorage()],
    ])
    const asked: string[] = []
    const archive = create({
      accounts: (number) => buildAccount({ accountId: number === NUMBER ? 'pixels' : 'acme' }),
      storage: async (accountId) => {
        asked.push(accountId)
        return stores.get(accountId) as ObjectStorage
      },
    })
    await archive.archive(await addPhoto())
    await archive.archive(await addPhoto({ phoneNumberId: OTHER_NUMBER }))
    expect(asked).toEqual(['pixels', 'acme'])
    expect(stores.get('pixels')?.keys()).toEqual([archived[0]?.key])
    expect(stores.get('acme')?.keys()).toEqual([archived[1]?.key])
  })

  it('fails where the storage function finds none', async () => {
    const archive = create({ storage: () => undefined as unknown as ObjectStorage })
    await expect(archive.archive(await addPhoto())).rejects.toMatchObject({ code: 'invalid-option', option: 'storage' })
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
    await vi.waitFor(() => expect(hang).toHaveBeenCalledTimes(1), WITHIN_SECONDS)
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
    const { key } = await archive.archive(await addPhoto())
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

  it('reads keys in its own layout and storage, whatever else a caller passes', async () => {
    const archive = create({ storage: signing })
    const { key } = await archive.archive(await addPhoto())
    const keyLayout = { build: () => key, parse: () => ({ accountId: 'acme' }) }
    const wide = { accountId: 'acme', keyLayout }
    await expect(archive.signUrl(key, wide)).rejects.toMatchObject({ option: 'keyLayout' })
    // Instances of classes may have more than options.
    class Wishes {
      keyLayout = keyLayout
      prefix = ''
      storage = null
      constructor(readonly accountId: string) {}
    }
    const foreign = new Wishes('acme')
    await expect(archive.signUrl(key, foreign)).rejects.toMatchObject({ code: 'wrong-account' })
    const own = new Wishes('pixels')
    expect(await archive.signUrl(key, own)).toMatchObject({ key, url: `https://store.example/${key}?for=3600` })
  })

  it('refuses a caller who names no account', async () => {
    const { key } = await create().archive(await addPhoto())
    const nobody = { accountId: undefined as unknown as string }
    await expect(create({ storage: signing }).signUrl(key, nobody)).rejects.toMatchObject({ option: 'accountId' })
  })
})

describe('a prefix for each account', () => {
  const tenants = (prefix: MediaArchiveOptions['prefix']): MediaArchive =>
    create({
      accounts: (number) => buildAccount({ accountId: number === NUMBER ? 'pixels' : 'acme' }),
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
    await archive.archive(await addPhoto())
    await archive.archive(await addPhoto({ phoneNumberId: OTHER_NUMBER }))
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
