import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { storageConformance } from '../../src/testing/storage-conformance.js'
import { toRows } from '../conformance-rows.js'
import { factsOf } from './facts.js'

describe('createMemoryStorage() meets the conformance suite', () => {
  it.each(toRows(storageConformance({ storage: createMemoryStorage })))('%s', (_name, run) => run())
})

describe('createMemoryStorage() that signs meets the conformance suite', () => {
  const storage = createMemoryStorage({
    baseUrl: 'https://media.example/files',
    secret: 'a secret of enough characters',
  })
  const fetch = (url: string, init?: RequestInit): Promise<Response> => storage.handler(new Request(url, init))
  it.each(toRows(storageConformance({ storage: () => storage, fetch })))('%s', (_name, run) => run())
})

describe('createMemoryStorage()', () => {
  it('states what it can do', () => {
    const storage = createMemoryStorage()
    expect(storage.name).toBe('memory')
    expect(storage.capabilities).toEqual({ conditionalCreate: true, checksum: true })
    expect(storage.signedUrl).toBeUndefined()
  })

  it('keys() lists the keys of the objects, sorted', async () => {
    const storage = createMemoryStorage()
    await storage.put('b', Readable.from(['x']), factsOf('x'))
    await storage.put('a', Readable.from(['x']), factsOf('x'))
    await storage.put('c', Readable.from(['x']), factsOf('x'))
    await storage.delete('c')
    expect(storage.keys()).toEqual(['a', 'b'])
  })

  it('put() copies chunks, so that a source may use its buffer again', async () => {
    const storage = createMemoryStorage()
    const shared = Buffer.alloc(2)
    const letters = ['a', 'b']
    const source = new Readable({
      highWaterMark: 0,
      read() {
        const letter = letters.shift()
        this.push(letter === undefined ? null : shared.fill(letter))
      },
    })
    await storage.put('key', source, factsOf('aabb'))
    const found = await storage.get('key')
    expect(await buffer(found?.body ?? Readable.from([]))).toEqual(Buffer.from('aabb'))
  })

  it('put(), head() and get() share no state with the caller', async () => {
    const storage = createMemoryStorage()
    const metadata = { name: 'kept' }
    await storage.put('key', Readable.from(['bytes']), { ...factsOf('bytes'), metadata })
    metadata.name = 'changed'
    const first = await storage.get('key')
    for await (const piece of first?.body ?? []) piece.fill(0)
    if (first !== null) Object.assign(first.metadata, { name: 'changed' })
    const second = await storage.get('key')
    expect(second?.metadata).toEqual({ name: 'kept' })
    expect(await buffer(second?.body ?? Readable.from([]))).toEqual(Buffer.from('bytes'))
  })

  it('get() and put() do not disturb an answer that is being read', async () => {
    const storage = createMemoryStorage({ baseUrl: 'https://media.example', secret: 'a secret of enough characters' })
    await storage.put('key', Readable.from(['a'.repeat(200_000)]), factsOf('a'.repeat(200_000)))
    const signed = await storage.signedUrl?.('key', { expiresIn: 9, contentType: 'a/b', contentDisposition: 'inline' })
    const response = await storage.handler(new Request(signed?.url ?? ''))
    await storage.put('key', Readable.from(['b']), { ...factsOf('b'), ifAbsent: false })
    expect(await response.text()).toBe('a'.repeat(200_000))
  })

  it('address() escapes what a URL can not hold', async () => {
    expect(await createMemoryStorage().address('a b/ü?.jpg')).toBe('memory://objects/a%20b/%C3%BC%3F.jpg')
  })
})
