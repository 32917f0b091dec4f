import { afterEach, describe, expect, it, vi } from 'vitest'
import { StorageFailedError } from '../../../src/errors.js'
import { createRenewal } from '../../../src/storage/s3/renewal.js'
import { createS3Storage } from '../../../src/storage/s3.js'
import type { ObjectStorage } from '../../../src/storage.js'
import { uploadToS3 } from '../../../src/upload.js'
import { type Loopback, startLoopback } from '../../loopback.js'

const OLD = { accessKeyId: 'AKIDEXAMPLEOLD', secretAccessKey: 'example-secret' }
const NEW = { accessKeyId: 'AKIDEXAMPLENEW', secretAccessKey: 'example-secret' }
const bytes = Buffer.from('hello')

let store: Loopback | undefined
const opened: ObjectStorage[] = []
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close?.()
  await store?.close()
})

/** A store that knows `NEW` alone, and whose refusal of others has this status and code. */
async function openStore(
  [status, code]: [number, string],
  options: { credentials: () => Promise<typeof OLD> },
): Promise<ObjectStorage> {
  const server = await startLoopback((request, response) => {
    const isNew = request.headers.authorization?.includes(NEW.accessKeyId) === true
    // Answered once the body is there: an early answer would close the connection.
    if (request.method === 'PUT') request.resume()
    if (isNew && request.method === 'PUT') request.once('end', () => response.writeHead(200, { etag: '"e"' }).end())
    else if (isNew && request.method === 'HEAD') response.writeHead(200, { 'content-length': '5' }).end()
    else if (isNew) response.writeHead(204).end()
    else response.writeHead(status).end(request.method === 'HEAD' ? '' : `<Error><Code>${code}</Code></Error>`)
  })
  store = server
  const storage = createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint: server.origin, ...options })
  opened.push(storage)
  return storage
}

/** A provider that gives the old credentials at first. */
const createProvider = (later = NEW) => vi.fn(async () => later).mockImplementationOnce(async () => OLD)

const upload = (storage: ObjectStorage) => uploadToS3(bytes, { storage, key: 'a/b.txt', mimeType: 'text/plain' })

describe('a store that refuses credentials', () => {
  it.each<[number, string]>([
    [400, 'ExpiredToken'],
    [403, 'ExpiredTokenException'],
    [400, 'TokenRefreshRequired'],
    [400, 'InvalidToken'],
    [403, 'InvalidAccessKeyId'],
    [403, 'SignatureDoesNotMatch'],
    [403, 'RequestExpired'],
  ])('has their provider asked again, and gets the bytes once more: %i %s', async (...refusal) => {
    const credentials = createProvider()
    const storage = await openStore(refusal, { credentials })
    expect(await upload(storage)).toMatchObject({ alreadyStored: false, size: 5 })
    expect(credentials).toHaveBeenCalledTimes(2)
  })

  it('keeps its refusal where the provider has no others', async () => {
    const credentials = createProvider(OLD)
    const storage = await openStore([400, 'ExpiredToken'], { credentials })
    await expect(upload(storage)).rejects.toMatchObject({ reason: 'ExpiredToken', status: 400, retryable: false })
    expect(credentials).toHaveBeenCalledTimes(2)
  })

  it('keeps its refusal where the provider fails', async () => {
    const credentials = vi.fn(async () => OLD)
    const storage = await openStore([400, 'ExpiredToken'], { credentials })
    credentials.mockResolvedValueOnce(OLD).mockRejectedValue(new Error('the vault is down'))
    await expect(upload(storage)).rejects.toMatchObject({ reason: 'ExpiredToken', retryable: false })
  })

  it('has the provider asked no more for other refusals', async () => {
    const credentials = createProvider()
    const storage = await openStore([403, 'AccessDenied'], { credentials })
    await expect(upload(storage)).rejects.toMatchObject({ reason: 'AccessDenied' })
    expect(credentials).toHaveBeenCalledTimes(1)
  })

  it('has calls without a body repeated by themselves', async () => {
    const storage = await openStore([400, 'ExpiredToken'], { credentials: createProvider() })
    expect(await storage.head('a/b.txt')).toMatchObject({ size: 5 })
    await storage.delete('a/b.txt')
  })

  it('answers a HEAD with 403 and no code: the provider is asked, for puts may have newer ones', async () => {
    let given = OLD
    const credentials = vi.fn(async () => given)
    const storage = await openStore([403, 'InvalidAccessKeyId'], { credentials })
    await expect(storage.head('a/b.txt')).rejects.toMatchObject({ status: 403 })
    given = NEW
    expect(await upload(storage)).toMatchObject({ alreadyStored: false })
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 60_000)
    expect(await storage.head('a/b.txt')).toMatchObject({ size: 5 })
  })

  it.each<[string, number]>([
    ['first', 0],
    ['second', 1],
  ])('has all of them renewed though the %s provider fails', async (_which, failing) => {
    let given = OLD
    let calls = 0
    const credentials = vi.fn(async () => {
      if (given === NEW && calls++ === failing) throw new Error('the vault is down')
      return given
    })
    const storage = await openStore([403, 'InvalidAccessKeyId'], { credentials })
    await expect(upload(storage)).rejects.toMatchObject({ reason: 'InvalidAccessKeyId' })
    await expect(storage.head('a/b.txt')).rejects.toMatchObject({ status: 403 })
    given = NEW
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 60_000)
    await upload(storage).catch(() => {})
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 60_000)
    expect(await storage.head('a/b.txt')).toMatchObject({ size: 5 })
    expect(await upload(storage)).toMatchObject({ size: 5 })
  })
})

describe('createRenewal', () => {
  const expired = new StorageFailedError({
    operation: 'put',
    key: 'k',
    reason: 'ExpiredToken',
    status: 400,
    retryable: false,
  })
  const fail = async (): Promise<never> => {
    throw expired
  }
  const once = { isRepeatable: false, signal: undefined }

  it('asks once for calls that are refused together, and for those that come later', async () => {
    const ask = vi.fn(async () => true)
    const renewal = createRenewal(ask)
    let refuseSlow = (): void => {}
    const slow = renewal.run(
      () =>
        new Promise<never>((_resolve, reject) => {
          refuseSlow = () => reject(expired)
        }),
      once,
    )
    const refused = { reason: 'ExpiredToken', retryable: true }
    const results = await Promise.allSettled([renewal.run(fail, once), renewal.run(fail, once)])
    expect(results).toMatchObject([{ reason: refused }, { reason: refused }])
    refuseSlow()
    await expect(slow).rejects.toMatchObject(refused)
    expect(ask).toHaveBeenCalledTimes(1)
  })

  it('does not wait for a provider that hangs, once the caller has left', async () => {
    const renewal = createRenewal(() => new Promise(() => {}))
    const leaving = new AbortController()
    const running = renewal.run(fail, { isRepeatable: true, signal: leaving.signal })
    leaving.abort(new Error('left'))
    await expect(running).rejects.toThrow('left')
  })

  describe('for a HEAD with 403, which need not be the credentials’', () => {
    const unclear = new StorageFailedError({
      ...{ operation: 'head', key: 'k', reason: 'AccessDenied', status: 403, retryable: false },
    })
    const again = { isRepeatable: true, signal: undefined }
    const createCall = () => vi.fn(async () => 'found').mockRejectedValueOnce(unclear)

    it('asks once a minute while the provider has no others', async () => {
      let at = 0
      const ask = vi.fn(async () => false)
      const renewal = createRenewal(ask, () => at)
      for (const [time, asked] of [
        [0, 1],
        [1_000, 1],
        [59_999, 1],
        [60_000, 2],
        [119_999, 2],
        [120_000, 3],
      ] as const) {
        at = time
        await expect(renewal.run(createCall(), again)).rejects.toBe(unclear)
        expect(ask).toHaveBeenCalledTimes(asked)
      }
    })

    it('makes those that are refused together once more after one question', async () => {
      const ask = vi.fn(async () => true)
      const renewal = createRenewal(ask, () => 0)
      const calls = [renewal.run(createCall(), again), renewal.run(createCall(), again)]
      expect(await Promise.all(calls)).toEqual(['found', 'found'])
      expect(ask).toHaveBeenCalledTimes(1)
    })

    it('makes one that comes late once more without a question', async () => {
      const ask = vi.fn(async () => true)
      const renewal = createRenewal(ask, () => 0)
      let refuse = (): void => {}
      const slow = createCall().mockReset()
      slow.mockImplementationOnce(() => new Promise((_resolve, reject) => (refuse = () => reject(unclear))))
      slow.mockResolvedValueOnce('found late')
      const late = renewal.run(slow, again)
      expect(await renewal.run(createCall(), again)).toBe('found')
      refuse()
      expect(await late).toBe('found late')
      expect(ask).toHaveBeenCalledTimes(1)
    })

    it.each<[StorageFailedError['operation'], number]>([
      ['put', 403],
      ['get', 403],
      ['delete', 403],
      ['list', 403],
      ['head', 404],
      ['head', 405],
      ['head', 412],
      ['head', 500],
      ['head', 503],
      ['head', 301],
    ])('asks nothing after a %s with %i and another reason', async (operation, status) => {
      const ask = vi.fn(async () => true)
      const other = new StorageFailedError({ operation, key: 'k', reason: 'AccessDenied', status, retryable: false })
      const call = vi.fn(async () => 'found').mockRejectedValue(other)
      await expect(createRenewal(ask).run(call, again)).rejects.toBe(other)
      expect(ask).not.toHaveBeenCalled()
    })
  })

  it('passes on what is no fault of a storage', async () => {
    const broken = async (): Promise<never> => {
      throw new TypeError('broken')
    }
    await expect(createRenewal(async () => true).run(broken, once)).rejects.toThrow('broken')
  })
})
