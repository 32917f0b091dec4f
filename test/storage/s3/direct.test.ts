import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it, vi } from 'vitest'
import { createS3Storage } from '../../../src/storage/s3.js'
import type { ObjectStorage } from '../../../src/storage.js'
import { startLoopback } from '../../loopback.js'

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
const region = 'eu-central-1'
const bytes = Buffer.from('hello')

const put = (storage: ObjectStorage, key = 'a/b.jpg'): Promise<unknown> =>
  storage.put(key, Readable.from([bytes]), {
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    contentType: 'image/jpeg',
    contentDisposition: 'inline',
    ifAbsent: true,
  })

describe('put', () => {
  it('has every put signed by credentials that live, when those are renewed while others run', async () => {
    let calls = 0
    const signers: string[] = []
    const store = await startLoopback((request, response) => {
      signers.push(/Credential=(\w+)/.exec(request.headers.authorization ?? '')?.[1] ?? '')
      void buffer(request).then(() => setTimeout(() => response.writeHead(200, { etag: '"e"' }).end(), 20))
    })
    const provider = async () => {
      calls += 1
      // The first have two minutes left, as those of a role shortly before its session ends.
      const expiration = new Date(Date.now() + (calls === 1 ? 120_000 : 3_600_000))
      return { ...credentials, accessKeyId: `AKID${calls}`, expiration }
    }
    const storage = createS3Storage({ bucket: 'media', region, endpoint: store.origin, credentials: provider })
    const running = [put(storage, 'a'), put(storage, 'b')]
    await vi.waitFor(() => expect(signers).toHaveLength(2))
    running.push(put(storage, 'c'), put(storage, 'd'))
    expect(await Promise.all(running)).toEqual(running.map(() => ({ outcome: 'stored', etag: '"e"' })))
    await put(storage, 'e')
    expect(signers).toEqual(['AKID1', 'AKID1', 'AKID2', 'AKID2', 'AKID2'])
    await storage.close?.()
    await store.close()
  })

  it('takes what it finds for stored when a kept connection broke after the store had taken the bytes', async () => {
    const stored = new Map<string, Buffer>()
    const store = await startLoopback((request, response) => {
      const { url = '', socket } = request
      void buffer(request).then(
        (body) => {
          if (stored.has(url)) return response.writeHead(412).end('<Error><Code>PreconditionFailed</Code></Error>')
          stored.set(url, body)
          return url.endsWith('/second') ? socket.resetAndDestroy() : response.writeHead(200, { etag: '"e"' }).end()
        },
        () => {},
      )
    })
    const storage = createS3Storage({ bucket: 'media', region, endpoint: store.origin, credentials })
    await put(storage, 'first')
    expect(await put(storage, 'second')).toEqual({ outcome: 'exists' })
    expect(stored.get('/media/second')).toEqual(bytes)
    expect(store.requests).toEqual(['PUT /media/first', 'PUT /media/second', 'PUT /media/second'])
    await storage.close?.()
    await store.close()
  })
})
