import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { WrongAccountError } from '../../src/errors.js'
import { buildContentDisposition, encodeMetadata } from '../../src/file-type/filename.js'
import { proveBytes } from '../../src/integrity/prove.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { ObjectStorage, PutOptions } from '../../src/storage.js'
import { checkTimeouts, startDeadlines } from '../../src/timing/deadlines.js'
import { wrapStorage } from '../../src/upload/storage-errors.js'

const FILENAME = 'Lohnzettel März.pdf'
const putOptions: PutOptions = {
  size: 1,
  sha256: 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb',
  contentType: 'application/pdf',
  contentDisposition: buildContentDisposition('attachment', FILENAME),
  metadata: { filename: encodeMetadata(FILENAME) },
  ifAbsent: true,
}
const CALLS: [keyof ObjectStorage, (storage: ObjectStorage, signal?: AbortSignal) => Promise<unknown>][] = [
  ['put', (storage, signal) => storage.put('k', Readable.from(['a']), { ...putOptions, ...(signal && { signal }) })],
  ['head', (storage, signal) => storage.head('k', signal && { signal })],
  ['get', (storage, signal) => storage.get('k', signal && { signal })],
  ['delete', (storage, signal) => storage.delete('k', signal && { signal })],
  ['address', (storage) => storage.address('k')],
]
const failing = (name: keyof ObjectStorage, error: unknown): ObjectStorage => ({
  ...createMemoryStorage(),
  [name]: () => {
    throw error
  },
})

describe('wrapStorage', () => {
  it.each(CALLS)('types what %s throws', async (name, call) => {
    const thrown = Object.assign(new Error(`no room for ${FILENAME}`), { code: 'ENOSPC' })
    const failure: unknown = await call(wrapStorage(failing(name, thrown), FILENAME)).catch((error: unknown) => error)
    expect(failure).toMatchObject({
      ...{ code: 'storage-failed', key: 'k', reason: 'ENOSPC', retryable: true },
      operation: name === 'address' ? 'sign' : name,
      cause: { code: 'ENOSPC' },
    })
    if (name === 'put') expect(inspect(failure, { showHidden: true })).not.toContain('Lohnzettel')
  })

  it.each(CALLS)('lets this library’s own errors of %s pass', async (name, call) => {
    const own = new WrongAccountError({ accountId: 'acme' })
    await expect(call(wrapStorage(failing(name, own), undefined))).rejects.toBe(own)
  })

  it.each(CALLS.filter(([name]) => name !== 'address'))('lets the signal’s reason of %s pass', async (name, call) => {
    const reason = new Error('enough')
    const storage = wrapStorage(failing(name, new Error('stopped')), undefined)
    await expect(call(storage, AbortSignal.abort(reason))).rejects.toBe(reason)
  })

  const own = new Error('no such file')
  const provenBytes = (source: Readable): Readable => {
    const deadlines = startDeadlines(checkTimeouts())
    const { body } = proveBytes(source, { maxBytes: 9, deadlines, reader: 'store', onSourceError: (error) => error })
    return body.once('close', deadlines.clear)
  }
  const putting = (put: (bytes: Readable) => Promise<unknown>): Promise<unknown> => {
    const broken = new Readable({ read: (): void => void broken.destroy(own) })
    const storage = { ...createMemoryStorage(), put: (_key: string, bytes: Readable) => put(bytes) as Promise<never> }
    return wrapStorage(storage, undefined).put('k', provenBytes(broken), putOptions)
  }

  it('lets the body’s own error pass, whatever the storage makes of it', async () => {
    await expect(putting((bytes) => bytes.toArray())).rejects.toBe(own)
    const wrapping = putting((bytes) => bytes.toArray().catch(() => Promise.reject(new Error('no body'))))
    await expect(wrapping).rejects.toBe(own)
  })

  it('takes the storage’s error for its own, though it ended the body with it', async () => {
    const reset = Object.assign(new Error('reset by peer'), { code: 'ECONNRESET' })
    const sink = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done(reset) })
    const storage = {
      ...createMemoryStorage(),
      put: (_key: string, bytes: Readable) => pipeline(bytes, sink()) as never,
    }
    const body = provenBytes(Readable.from([Buffer.from('a')]))
    await expect(wrapStorage(storage, undefined).put('k', body, putOptions)).rejects.toMatchObject({
      ...{ code: 'storage-failed', reason: 'ECONNRESET', retryable: true },
    })
  })

  const answering = (name: keyof ObjectStorage, answer: unknown): ObjectStorage =>
    wrapStorage({ ...createMemoryStorage(), [name]: async () => answer }, undefined)
  const found = { key: 'k', size: 1, contentType: 'image/png', metadata: {} }

  it.each<[keyof ObjectStorage, unknown]>([
    ['head', 'yes'],
    ['head', 7],
    ['head', true],
    ['head', {}],
    ['head', []],
    ['head', { ...found, size: '1' }],
    ['head', { ...found, size: -1 }],
    ['head', { ...found, size: Number.NaN }],
    ['get', 'bytes'],
    ['get', found],
    ['get', { ...found, size: null, body: Readable.from(['a']) }],
    ['get', { ...found, body: 'a' }],
    ['address', undefined],
    ['address', {}],
  ])('types an answer of %s that is none: %j', async (name, answer) => {
    const [, call] = CALLS.find(([each]) => each === name) ?? []
    await expect(call?.(answering(name, answer))).rejects.toMatchObject({
      ...{ code: 'storage-failed', key: 'k', retryable: true, operation: name === 'address' ? 'sign' : name },
      reason: 'gave no answer of the form it has to have',
    })
  })

  it.each<['put' | 'head', unknown]>([
    ['put', undefined],
    ['put', null],
    ['put', 'stored'],
    ['put', {}],
    ['put', { outcome: 'created' }],
    ['put', { outcome: 'created', conditionIgnored: true }],
    ['head', 'unknown'],
  ])('says what form an answer of %s must have, and tries no more: %j', async (name, answer) => {
    const [, call] = CALLS.find(([each]) => each === name) ?? []
    await expect(call?.(answering(name, answer))).rejects.toMatchObject({
      ...{ code: 'storage-failed', key: 'k', retryable: false, operation: name },
      message: expect.stringContaining(`${name} must give `),
    })
  })

  it.each([
    [
      { outcome: 'stored', conditionIgnored: true, etag: '"e"' },
      { outcome: 'condition-ignored', etag: '"e"' },
    ],
    [{ outcome: 'stored', conditionIgnored: false }, { outcome: 'stored' }],
    [{ outcome: 'condition-ignored' }, { outcome: 'condition-ignored' }],
    [{ outcome: 'exists' }, { outcome: 'exists' }],
  ])('takes the answer %j of put', async (answer, result) => {
    const storage = answering('put', answer)
    expect(await storage.put('k', Readable.from(['a']), putOptions)).toMatchObject(result)
  })

  it.each([undefined, null])('takes %s for no object', async (nothing) => {
    expect(await answering('head', nothing).head('k')).toBeNull()
    expect(await answering('get', nothing).get('k')).toBeNull()
  })

  it('believes no hash or tag that is no text', async () => {
    expect(await answering('head', { ...found, sha256: null, etag: 7 }).head('k')).toStrictEqual(found)
    expect(await answering('head', { ...found, sha256: 'a', etag: null }).head('k')).toStrictEqual({
      ...found,
      sha256: 'a',
    })
    expect(await answering('head', { ...found, sha256: 7, etag: '"e"' }).head('k')).toStrictEqual({
      ...found,
      etag: '"e"',
    })
    const told = { ...found, sha256: 'a', etag: '"e"' }
    expect(await answering('head', told).head('k')).toBe(told)
  })

  it('does what the storage does', async () => {
    const memory = createMemoryStorage()
    const storage = wrapStorage({ ...memory, bucket: 'b' }, undefined)
    const { capabilities } = memory
    expect(storage).toMatchObject({ name: 'memory', bucket: 'b', capabilities })
    expect(await storage.put('k', Readable.from(['a']), putOptions)).toMatchObject({ outcome: 'stored' })
    expect(await storage.head('k')).toMatchObject({ size: 1 })
    expect(await storage.get('k')).toMatchObject({ size: 1 })
    expect(await storage.address('k')).toBe(await memory.address('k'))
    await storage.delete('k')
    expect(await storage.head('k')).toBeNull()
  })
})
