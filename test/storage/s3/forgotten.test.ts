import { createHash } from 'node:crypto'
import { Agent, type IncomingMessage, type ServerResponse } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { HttpAgents } from '../../../src/http/agents.js'
import { createS3Storage } from '../../../src/storage/s3.js'
import type { ObjectStorage } from '../../../src/storage.js'
import { type ForgetfulNetwork, openForgetfulNetwork } from '../../forgetful-network.js'
import { startLoopback } from '../../loopback.js'

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
const LIST = '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'

afterEach(() => vi.useRealTimers())

/** A store that answers the first requests when all have come, so that they have a connection each. */
function answerTogether(bodies: Buffer[], burst: number) {
  const waiting: (() => void)[] = []
  let came = 0
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request).catch(() => undefined)
    if (body === undefined) return
    if (request.method === 'PUT') bodies.push(body)
    if (++came === burst) for (const go of waiting) go()
    else if (came < burst) await new Promise<void>((resolve) => waiting.push(resolve))
    const isList = request.url?.includes('list-type') === true
    const answer = isList ? LIST : request.method === 'GET' ? 'bytes' : ''
    const isDelete = request.method === 'DELETE'
    response.writeHead(isDelete ? 204 : 200, { etag: '"e"', ...(isDelete ? {} : { 'content-length': answer.length }) })
    response.end(answer)
  }
}

interface Setting {
  network: ForgetfulNetwork
  requests: string[]
  bodies: Buffer[]
  storage: ObjectStorage
}

async function open(options: { agent?: HttpAgents; isGiven?: boolean; burst?: number } = {}): Promise<Setting> {
  const { agent, isGiven = false, burst = 1 } = options
  const bodies: Buffer[] = []
  const server = await startLoopback(answerTogether(bodies, burst))
  const network = await openForgetfulNetwork(server.origin)
  const connection = { region: 'eu-central-1', endpoint: network.origin, credentials }
  const client = isGiven ? new S3Client({ ...connection, forcePathStyle: true, maxAttempts: 1 }) : undefined
  const storage = createS3Storage({
    bucket: 'media',
    ...(client === undefined ? { ...connection, ...(agent === undefined ? {} : { agent }) } : { client }),
  })
  onTestFinished(async () => {
    await storage.close?.()
    client?.destroy()
    await network.close()
    await server.close()
  })
  return { network, requests: server.requests, bodies, storage }
}

function put(storage: ObjectStorage, bytes: Buffer, body: Readable = Readable.from([bytes])): Promise<unknown> {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const { length: size } = bytes
  return storage.put('k', body, {
    size,
    sha256,
    contentType: 'image/jpeg',
    contentDisposition: 'inline',
    ifAbsent: false,
  })
}

const CALLS: Readonly<Record<string, (storage: ObjectStorage) => Promise<unknown>>> = {
  head: (storage) => storage.head('k'),
  get: async (storage) => {
    const found = await storage.get?.('k')
    return found === null || found === undefined ? found : text(found.body)
  },
  delete: async (storage) => storage.delete?.('k'),
  list: async (storage) => {
    for await (const _ of storage.list?.('k') ?? []) {
      // An empty bucket.
    }
  },
  put: (storage) => put(storage, Buffer.alloc(200_000, 'x')),
}

/** With members that no object which inherits from it can read. */
class PrivateAgent extends Agent {
  #port = 80
  get defaultPort(): number {
    return this.#port
  }
  // Node's agent sets it before this class has its members.
  set defaultPort(port: number) {
    if (#port in this) this.#port = port
  }
}

/** An agent that is none of Node's class: it has another one do its work. */
class LeadingAgent {
  #agent = new Agent({ keepAlive: true })
  get freeSockets(): Agent['freeSockets'] {
    return this.#agent.freeSockets
  }
  get protocol(): string {
    return 'http:'
  }
  get keepAlive(): boolean {
    return true
  }
  readonly addRequest = (...given: unknown[]): unknown =>
    Reflect.apply(Reflect.get(this.#agent, 'addRequest'), this.#agent, given)
  destroy(): void {
    this.#agent.destroy()
  }
}

const AGENTS: Readonly<Record<string, () => Agent>> = {
  'of Node': () => new Agent({ keepAlive: true }),
  'with private members': () => new PrivateAgent({ keepAlive: true }),
  'that leads to another': () => new LeadingAgent() as unknown as Agent,
  'with a method of its own': () => {
    const agent = new Agent({ keepAlive: true })
    const addRequest = Reflect.get(agent, 'addRequest').bind(agent)
    return Object.assign(agent, { addRequest })
  },
}

/** The connections of answers that were read lie idle after some turns of the loop. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await nextTurn()
}

/** The silence of a connection passes without a wait. */
async function passTime<T>(run: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const clock = setInterval(() => vi.advanceTimersByTime(500), 10)
  try {
    return await run()
  } finally {
    clearInterval(clock)
    vi.useRealTimers()
  }
}

const FORGOTTEN = Object.keys(CALLS).flatMap((call) =>
  (['reset', 'silence'] as const).flatMap((how) => [1, 6].map((burst) => ({ call, how, burst }))),
)

describe('connections that the network has forgotten', () => {
  it.each(FORGOTTEN)('by $how cost a $call one new connection, of $burst', async ({ call = '', how, burst }) => {
    const { network, requests, storage } = await open({ burst })
    const run = (): Promise<unknown> => Promise.resolve(CALLS[call]?.(storage))
    await Promise.all(Array.from({ length: burst }, run))
    await settle()
    expect(network.forget(how)).toBe(burst)
    await (how === 'reset' ? run() : passTime(run))
    expect(network.count()).toBe(burst + 1)
    expect(requests).toHaveLength(burst + 1)
    // The others are gone with the first.
    await settle()
    await run()
    expect(network.count()).toBe(burst + 1)
  })

  const given = Object.entries(AGENTS).flatMap(([kind, make]) =>
    ['head', 'get', 'delete', 'list', 'put'].map((call) => ({ kind, make, call })),
  )
  it.each(given)('are watched of an agent $kind, too: $call', async ({ make, call }) => {
    const agent = make()
    const before = Reflect.ownKeys(agent)
    onTestFinished(() => agent.destroy())
    const { network, storage } = await open({ agent, burst: 3 })
    const run = (): Promise<unknown> => Promise.resolve(CALLS[call]?.(storage))
    await Promise.all([run(), run(), run()])
    await settle()
    network.forget('reset')
    await run()
    expect(network.count()).toBe(4)
    expect(Reflect.ownKeys(agent)).toEqual(before)
  })

  it.each(['head', 'delete'])('of a client of your own are its own matter: %s', async (call) => {
    const { network, storage } = await open({ isGiven: true })
    const run = (): Promise<unknown> => Promise.resolve(CALLS[call]?.(storage))
    await run()
    await settle()
    network.forget('reset')
    await expect(run()).rejects.toMatchObject({ reason: 'ECONNRESET', retryable: true })
  })

  it.each([
    ['one chunk', [200_000]],
    ['many chunks', Array<number>(25).fill(8_000)],
    ['no byte', [0]],
    ['one byte', [1]],
    ['the most that is kept', [131_072, 131_072]],
  ])('get a whole body again: %s', async (_name, sizes) => {
    const { network, bodies, storage } = await open()
    const chunks = sizes.map((size, index) => Buffer.alloc(size, `${index}`))
    const whole = Buffer.concat(chunks)
    await put(storage, whole)
    await settle()
    network.forget('silence')
    await passTime(() => put(storage, whole, Readable.from(chunks)))
    expect(bodies.map((body) => body.equals(whole))).toEqual([true, true])
    expect(network.count()).toBe(2)
  })

  it('never get a body again of which a part is gone, and the next put has a new connection', async () => {
    const { network, bodies, storage } = await open({ burst: 3 })
    const small = Buffer.from('bytes')
    await Promise.all([put(storage, small), put(storage, small), put(storage, small)])
    await settle()
    network.forget('silence')
    const large = Buffer.alloc(400_000, 'x')
    const sha256 = createHash('sha256').update(large).digest('hex')
    const controller = new AbortController()
    const begun = storage.put('k', Readable.from([large.subarray(0, 300_000), large.subarray(300_000)]), {
      ...{ size: large.length, sha256, contentType: 'image/jpeg', contentDisposition: 'inline', ifAbsent: false },
      signal: controller.signal,
    })
    await wait(20)
    controller.abort(new Error('the deadline'))
    await expect(begun).rejects.toThrow('the deadline')
    expect(network.count()).toBe(3)
    await put(storage, small)
    expect(network.count()).toBe(4)
    expect(bodies).toHaveLength(4)
  })

  it('are not told by a body that comes slowly', async () => {
    const { network, bodies, storage } = await open()
    const bytes = Buffer.from('bytes')
    await put(storage, bytes)
    await settle()
    const body = new PassThrough()
    body.write('by')
    await passTime(async () => {
      const begun = put(storage, bytes, body)
      // Twenty times the silence.
      await new Promise((resolve) => setTimeout(resolve, 100_000))
      body.end('tes')
      await begun
    })
    expect(bodies).toEqual([bytes, bytes])
    expect(network.count()).toBe(1)
  })
})
