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

  it('passes on what is no fault of a storage', async () => {
    const broken = async (): Promise<never> => {
      throw new TypeError('broken')
    }
    await expect(createRenewal(async () => true).run(broken, once)).rejects.toThrow('broken')
  })
})
