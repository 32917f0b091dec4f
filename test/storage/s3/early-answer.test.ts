import { createHash } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import net, { type AddressInfo, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import tls from 'node:tls'
import { S3Client } from '@aws-sdk/client-s3'
import { afterEach, describe, expect, it } from 'vitest'
import { createS3Storage } from '../../../src/storage/s3.js'
import type { ObjectStorage } from '../../../src/storage.js'
import { selfSigned } from '../../self-signed.js'
import { credentials, putOptions } from './stand-in.js'

const certificate = selfSigned()
const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

interface EarlyAnswer {
  scheme: 'http' | 'https'
  status: number
  code: string
  /** Bytes to take before the answer. */
  takes: number
  /** What becomes of the connection. */
  end: 'stays open' | 'ends' | 'is reset'
}

/** A server that answers in the middle of a request, and reads no more of it. */
async function startEarly({ scheme, status, code, takes, end }: EarlyAnswer): Promise<string> {
  const xml = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>it failed</Message></Error>`
  const head = `HTTP/1.1 ${status} Early\r\ncontent-type: application/xml\r\ncontent-length: ${xml.length}\r\nretry-after: 7\r\nconnection: close\r\n\r\n`
  const sockets: Socket[] = []
  const serve = (raw: Socket): void => {
    const socket = scheme === 'http' ? raw : new tls.TLSSocket(raw, { isServer: true, ...certificate })
    sockets.push(socket, raw)
    for (const each of [socket, raw]) each.on('error', () => {})
    let taken = 0
    socket.on('data', (part) => {
      const isDue = taken <= takes && taken + part.length > takes
      taken += part.length
      if (!isDue) return
      socket.pause()
      socket.write(head + xml, () => {
        if (end === 'ends') socket.end()
        // A reset through TLS may overtake the answer inside this server.
        if (end === 'is reset') scheme === 'http' ? raw.resetAndDestroy() : socket.destroy()
      })
    })
  }
  const server = net.createServer(serve)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  open.push({
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  })
  return `${scheme}://127.0.0.1:${port}`
}

function openStorage(whose: 'own' | 'given', endpoint: string): ObjectStorage {
  const agent = endpoint.startsWith('https:')
    ? new https.Agent({ keepAlive: true, ca: certificate.cert })
    : new http.Agent({ keepAlive: true })
  open.push({ close: () => agent.destroy() })
  if (whose === 'own') return createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint, credentials, agent })
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  const requestHandler = { httpAgent: agent, httpsAgent: agent }
  const settings = { region: 'eu-central-1', endpoint, credentials, forcePathStyle: true, maxAttempts: 1 }
  return createS3Storage({ bucket: 'media', client: new S3Client({ ...settings, logger, requestHandler }) })
}

/** So many that the storage's own put sends them at once. */
const PIECE = 131_072

/** A body that comes as fast as it is taken; behind `pausesAfter` bytes the source is silent. */
async function* produce(size: number, pausesAfter: number): AsyncGenerator<Buffer> {
  for (let sent = 0; sent < size; sent += PIECE) {
    if (sent >= pausesAfter) await new Promise(() => {})
    yield Buffer.alloc(Math.min(size - sent, PIECE), 'x')
  }
}

function put(
  storage: ObjectStorage,
  { size, pausesAfter = size, ifAbsent = false }: { size: number; pausesAfter?: number; ifAbsent?: boolean },
): ReturnType<ObjectStorage['put']> {
  const sha256 = createHash('sha256').update(Buffer.alloc(size, 'x')).digest('hex')
  return storage.put('a/b.jpg', Readable.from(produce(size, pausesAfter)), putOptions({ size, sha256, ifAbsent }))
}

/** The socket takes the first ones at once, and waits with the last for a store that does not read. */
const SIZES = [5, 300_000, 16_000_000]
const STATUSES: readonly (readonly [number, string, boolean])[] = [
  [301, 'PermanentRedirect', false],
  [307, 'TemporaryRedirect', false],
  [400, 'InvalidRequest', false],
  [403, 'AccessDenied', false],
  [404, 'NoSuchBucket', false],
  [411, 'MissingContentLength', false],
  [413, 'EntityTooLarge', false],
  [429, 'TooManyRequests', true],
  [500, 'InternalError', true],
  [501, 'NotImplemented', false],
  [503, 'SlowDown', true],
]

describe.each(['own', 'given'] as const)('an answer that comes while the body is sent (%s client)', (whose) => {
  it.each(STATUSES)('is reported as it is: %i %s', async (status, code, retryable) => {
    const endpoint = await startEarly({ scheme: 'http', status, code, takes: 0, end: 'stays open' })
    for (const size of SIZES) {
      const failure = { code: 'storage-failed', status, reason: code, retryable, retryAfterMs: 7_000 }
      await expect(put(openStorage(whose, endpoint), { size })).rejects.toMatchObject(failure)
    }
  })

  it.each(['http', 'https'] as const)(
    'also when the connection ends or is reset right behind it (%s)',
    async (scheme) => {
      const failure = { code: 'storage-failed', status: 503, reason: 'SlowDown', retryAfterMs: 7_000 }
      for (const end of ['stays open', 'ends', 'is reset'] as const) {
        const early = { scheme, status: 503, code: 'SlowDown', end } as const
        const storage = openStorage(whose, await startEarly({ ...early, takes: PIECE }))
        await expect(put(storage, { size: 2 * PIECE, pausesAfter: PIECE }), end).rejects.toMatchObject(failure)
        const whole = openStorage(whose, await startEarly({ ...early, takes: PIECE }))
        await expect(put(whole, { size: PIECE }), end).rejects.toMatchObject(failure)
      }
    },
  )

  it('says that the object exists', async () => {
    const early = { scheme: 'http', status: 412, code: 'PreconditionFailed', takes: 0, end: 'stays open' } as const
    const storage = openStorage(whose, await startEarly(early))
    for (const size of SIZES) expect(await put(storage, { size, ifAbsent: true })).toEqual({ outcome: 'exists' })
  })

  it('does not hide a body that failed by itself', async () => {
    const early = { scheme: 'http', status: 403, code: 'AccessDenied', takes: PIECE, end: 'stays open' } as const
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from('he')
        throw new Error('the source broke')
      })(),
    )
    const storage = openStorage(whose, await startEarly(early))
    await expect(storage.put('a/b.jpg', broken, putOptions())).rejects.toThrow('the source broke')
  })
})
