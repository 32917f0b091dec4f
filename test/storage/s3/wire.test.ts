import { createHash } from 'node:crypto'
import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createS3Storage, type S3StorageOptions } from '../../../src/storage/s3.js'
import type { ObjectStorage } from '../../../src/storage.js'
import { type Loopback, startLoopback } from '../../loopback.js'
import { selfSigned } from '../../self-signed.js'

/** One request as it came: its line, its headers by name, and the bytes. */
interface Seen {
  line: string
  headers: Record<string, string>
  body: Buffer
}

const tls = selfSigned()
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
const region = 'eu-central-1'
const logger = { debug() {}, info() {}, warn() {}, error() {} }
const bytes = Buffer.from('hello')
const sha256 = createHash('sha256').update(bytes).digest('hex')

let seen: Seen[] = []
let plain: Loopback
let secure: Loopback

beforeAll(async () => {
  const listener: Parameters<typeof startLoopback>[0] = (request, response) => {
    void buffer(request).then((body) => {
      const pairs = request.rawHeaders.flatMap((name, index, all) =>
        index % 2 === 0 ? [[name.toLowerCase(), all[index + 1] ?? ''] as const] : [],
      )
      // A header that comes twice would hide behind itself.
      expect(new Set(pairs.map(([name]) => name)).size).toBe(pairs.length)
      seen.push({ line: `${request.method} ${request.url}`, headers: Object.fromEntries(pairs), body })
      response.writeHead(200, { etag: '"e"' }).end()
    })
  }
  plain = await startLoopback(listener)
  secure = await startLoopback(listener, { tls })
})
afterAll(() => Promise.all([plain.close(), secure.close()]))

const given = (config: S3ClientConfig = {}): ObjectStorage =>
  createS3Storage({
    bucket: 'media',
    client: new S3Client({ region, endpoint: plain.origin, credentials, forcePathStyle: true, logger, ...config }),
  })

const CLIENTS: Readonly<Record<string, () => ObjectStorage>> = {
  'its own client': () => createS3Storage({ bucket: 'media', region, endpoint: plain.origin, credentials }),
  'a given client with the SDK’s defaults': () => given(),
  'a given client tuned for compatible stores': () =>
    given({ requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' }),
}

/** What one call puts on the wire. */
async function wireOf(storage: ObjectStorage, call: (storage: ObjectStorage) => Promise<unknown>): Promise<Seen> {
  seen = []
  await call(storage)
  expect(seen).toHaveLength(1)
  const [request] = seen
  await storage.close?.()
  if (request === undefined) throw new Error('no request came')
  return request
}

const put = (storage: ObjectStorage, body = bytes): Promise<unknown> =>
  storage.put('a/b.jpg', Readable.from([body]), {
    size: body.length,
    sha256: createHash('sha256').update(body).digest('hex'),
    contentType: 'image/jpeg',
    contentDisposition: 'inline',
    metadata: { 'media-id': '17' },
    ifAbsent: true,
  })

const signedHeaders = ({ headers }: Seen): string[] =>
  /SignedHeaders=([^,]*)/.exec(headers['authorization'] ?? '')?.[1]?.split(';') ?? []

/** Of every request: who asks, and when. */
const OF_ALL = {
  authorization: expect.stringMatching(
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/s3\/aws4_request, /,
  ),
  connection: 'keep-alive',
  host: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
  'user-agent': 'whatsapp-media-archive',
  'x-amz-date': expect.stringMatching(/^\d{8}T\d{6}Z$/),
}

/** Of every request of the SDK: how often it has asked, too. */
const OF_THE_SDK = {
  ...OF_ALL,
  'amz-sdk-invocation-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
  'amz-sdk-request': expect.stringMatching(/^attempt=1/),
  'user-agent': expect.stringContaining('aws-sdk-js/3'),
  'x-amz-user-agent': expect.stringContaining('aws-sdk-js/3'),
}

describe.each(Object.entries(CLIENTS))('createS3Storage with %s', (name, open) => {
  it('puts with these headers, and no others', async () => {
    const request = await wireOf(open(), put)
    // What the SDK's client would be made for here goes without it.
    const isOwn = name === 'its own client'
    expect(request.line).toBe(isOwn ? 'PUT /media/a/b.jpg' : 'PUT /media/a/b.jpg?x-id=PutObject')
    expect(request.body.equals(bytes)).toBe(true)
    expect(request.headers).toEqual({
      ...(isOwn ? OF_ALL : OF_THE_SDK),
      'content-disposition': 'inline',
      'content-length': '5',
      'content-type': 'image/jpeg',
      'if-none-match': '*',
      'x-amz-checksum-sha256': Buffer.from(sha256, 'hex').toString('base64'),
      'x-amz-content-sha256': sha256,
      'x-amz-meta-media-id': '17',
      'x-amz-meta-sha256': sha256,
      'x-amz-sdk-checksum-algorithm': 'SHA256',
    })
    for (const header of ['x-amz-content-sha256', 'x-amz-checksum-sha256', 'content-length', 'host']) {
      expect(signedHeaders(request)).toContain(header)
    }
  })

  it.each([0, 3_000_000])('sends %i bytes plain, in one request with their length', async (size) => {
    const large = Buffer.alloc(size, 'x')
    const request = await wireOf(open(), (storage) => put(storage, large))
    expect(request.body.equals(large)).toBe(true)
    expect(request.headers['content-length']).toBe(String(size))
    for (const header of ['transfer-encoding', 'content-encoding', 'x-amz-trailer', 'x-amz-decoded-content-length'])
      expect(request.headers).not.toHaveProperty(header)
    // A given client is used as it is: the SDK asks before bodies of 2 MB and more.
    expect(request.headers['expect']).toBe(name !== 'its own client' && size > 2_000_000 ? '100-continue' : undefined)
  })

  it('looks and deletes with the SDK’s own headers only', async () => {
    const UNSIGNED = { 'x-amz-content-sha256': createHash('sha256').digest('hex') }
    const head = await wireOf(open(), (storage) => storage.head('a/b.jpg'))
    expect(head.line).toBe('HEAD /media/a/b.jpg')
    expect(head.headers).toEqual({ ...OF_THE_SDK, ...UNSIGNED, 'x-amz-checksum-mode': 'ENABLED' })
    const removal = await wireOf(open(), (storage) => storage.delete('a/b.jpg'))
    expect(removal.line).toBe('DELETE /media/a/b.jpg?x-id=DeleteObject')
    expect(removal.headers).toEqual({ ...OF_THE_SDK, ...UNSIGNED })
  })

  it('signs URLs that carry nothing but the type and disposition', async () => {
    const storage = open()
    const signed = await storage.signedUrl?.('a/b.jpg', {
      expiresIn: 60,
      contentType: 'image/jpeg',
      contentDisposition: 'inline',
    })
    const names = [...new URL(signed?.url ?? '').searchParams.keys()].filter((key) => key !== 'x-amz-checksum-mode')
    expect(names.toSorted()).toEqual([
      'X-Amz-Algorithm',
      'X-Amz-Content-Sha256',
      'X-Amz-Credential',
      'X-Amz-Date',
      'X-Amz-Expires',
      'X-Amz-Signature',
      'X-Amz-SignedHeaders',
      'response-content-disposition',
      'response-content-type',
      'x-id',
    ])
    await storage.close?.()
  })
})

describe('a given agent', () => {
  /** Counts its connections, and how often it was destroyed. */
  function watch<Watched extends Agent>(agent: Watched) {
    const seen = { connections: 0, ends: 0 }
    const [connect, destroy] = [agent.createConnection.bind(agent), agent.destroy.bind(agent)]
    agent.createConnection = (...args) => {
      seen.connections++
      return connect(...args)
    }
    agent.destroy = () => {
      seen.ends++
      destroy()
    }
    return { agent, seen }
  }
  const callAll = async (storage: ObjectStorage): Promise<void> => {
    await put(storage)
    await storage.head('a/b.jpg')
    await storage.delete('a/b.jpg')
    await storage.close?.()
  }

  it('makes the connections of puts and of the SDK, and stays open', async () => {
    const { agent, seen } = watch(new Agent({ keepAlive: true, maxSockets: 1 }))
    const before = plain.sockets.length
    await callAll(createS3Storage({ bucket: 'media', region, endpoint: plain.origin, credentials, agent }))
    expect(seen).toEqual({ connections: plain.sockets.length - before, ends: 0 })
    expect(seen.connections).toBeGreaterThan(0)
    agent.destroy()
  })

  it('serves its protocol only, and the storage ends its own agents', async () => {
    const { agent, seen } = watch(new SecureAgent({ keepAlive: true, ca: tls.cert }))
    const options = { bucket: 'media', region, credentials, agent: { https: agent } }
    const before = plain.sockets.length
    await callAll(createS3Storage({ ...options, endpoint: plain.origin }))
    expect(seen).toEqual({ connections: 0, ends: 0 })
    const own = plain.sockets.slice(before)
    expect(own).not.toEqual([])
    await Promise.all(own.map((socket) => socket.destroyed || new Promise((resolve) => socket.once('close', resolve))))
    const beforeSecure = secure.sockets.length
    await callAll(createS3Storage({ ...options, endpoint: secure.origin }))
    expect(seen).toEqual({ connections: secure.sockets.length - beforeSecure, ends: 0 })
    expect(seen.connections).toBeGreaterThan(0)
    agent.destroy()
  })

  it.each<[object, string]>([
    [{ agent: null }, 'agent must be an object, got null'],
    [{ agent: {} }, 'agent must be an Agent of node:http or node:https, or { http, https } with one'],
    [
      { agent: new Agent(), client: { send() {} } },
      "agent does not go with client: give it to the client's requestHandler",
    ],
  ])('is refused where it can not serve: %j', (options, message) => {
    expect(() => createS3Storage({ bucket: 'media', ...options } as S3StorageOptions)).toThrow(message)
  })
})

describe('a given client', () => {
  it('keeps its agent', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    let connections = 0
    const connect = agent.createConnection.bind(agent)
    agent.createConnection = (...args) => {
      connections++
      return connect(...args)
    }
    const storage = given({ requestHandler: { httpAgent: agent } })
    await put(storage)
    await storage.head('a/b.jpg')
    expect(connections).toBe(1)
    agent.destroy()
  })

  it('keeps its middleware, and adds none for others to meet', async () => {
    const client = new S3Client({ region, endpoint: plain.origin, credentials, forcePathStyle: true, logger })
    client.middlewareStack.add(
      (next) => (args) => {
        Reflect.set(Reflect.get(Object(args.request), 'headers'), 'x-tenant', 'acme')
        return next(args)
      },
      { step: 'build', name: 'tenant' },
    )
    const before = client.middlewareStack.identify()
    const request = await wireOf(createS3Storage({ bucket: 'media', client }), put)
    expect(request.headers).toMatchObject({ 'x-tenant': 'acme', 'x-amz-content-sha256': sha256, 'content-length': '5' })
    expect(signedHeaders(request)).toContain('x-tenant')
    expect(client.middlewareStack.identify()).toEqual(before)
  })

  it('keeps its credentials, session token included, and asks for new ones when they end', async () => {
    let asked = 0
    const rotating = async () => {
      asked++
      return {
        ...credentials,
        accessKeyId: `AKID${asked}`,
        sessionToken: 'session',
        expiration: new Date(Date.now() + 1),
      }
    }
    const storage = given({ credentials: rotating })
    const keys: string[] = []
    for (let turn = 0; turn < 2; turn++) {
      const { headers } = await wireOf(storage, put)
      keys.push(/Credential=(AKID\d+)\//.exec(headers['authorization'] ?? '')?.[1] ?? 'none')
      expect(headers['x-amz-security-token']).toBe('session')
    }
    expect(keys).toEqual([expect.stringMatching(/^AKID/), expect.stringMatching(/^AKID/)])
    expect(keys[0]).not.toBe(keys[1])
  })

  it('keeps its retries, which a stream can not use', async () => {
    let answers = 0
    const failing = await startLoopback((request, response) => {
      answers++
      request.resume().once('end', () => response.writeHead(503).end())
    })
    const client = new S3Client({
      region,
      endpoint: failing.origin,
      credentials,
      forcePathStyle: true,
      logger,
      maxAttempts: 2,
    })
    const storage = createS3Storage({ bucket: 'media', client })
    await expect(storage.head('a/b.jpg')).rejects.toMatchObject({ status: 503 })
    expect(answers).toBe(2)
    await expect(put(storage)).rejects.toMatchObject({ status: 503 })
    expect(answers).toBe(3)
    await failing.close()
  })
})

describe('https with a private certificate authority', () => {
  it('works through a given client that trusts it', async () => {
    const storage = given({ endpoint: secure.origin, requestHandler: { httpsAgent: { ca: tls.cert } } })
    const { headers, line } = await wireOf(storage, put)
    expect(line).toBe('PUT /media/a/b.jpg?x-id=PutObject')
    expect(headers).toMatchObject({ 'content-length': '5', 'x-amz-content-sha256': sha256, 'if-none-match': '*' })
    expect(headers).not.toHaveProperty('transfer-encoding')
  })

  it('is refused by the own client, which asks nobody to trust it', async () => {
    const storage = createS3Storage({ bucket: 'media', region, endpoint: secure.origin, credentials })
    seen = []
    await expect(put(storage)).rejects.toMatchObject({ code: 'storage-failed', reason: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    expect(seen).toEqual([])
    await storage.close?.()
  })
})
