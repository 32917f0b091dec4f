import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { connect as connectSecurely } from 'node:tls'

/** To the server, or back. */
type Way = 'request' | 'answer'

/** What requests through the proxy suffer. Bytes count from the first of the request, or of its answer, head included. */
export type ProxyFault = {
  /** Only requests of this method. Default: all. */
  method?: 'PUT' | 'HEAD'
  /** How many requests. Default: all from now on. */
  times?: number
} & (
  | { cut: Way; how: 'reset' | 'close' | 'stall'; after?: number }
  /** A few bytes (default 20) every 50 ms. */
  | { drip: Way; bytes?: number }
  /** One bit is wrong. */
  | { flip: Way; offset: number }
  /** An answer in place of the server's, after the request's last byte or (`early`) its head; `endless`: and zeros after it. */
  | { answer: string | Uint8Array; early?: boolean; endless?: boolean }
)

export interface FaultProxy {
  origin: string
  /** What happens to requests from now on. */
  next(fault: ProxyFault | undefined): void
  close(): Promise<void>
}

/**
 * A proxy on the loopback before an HTTP or HTTPS server. It reads where requests begin and end, and breaks them as it is
 * told; so it speaks plain HTTP to its own clients.
 */
export async function createFaultProxy(target: {
  host: string
  port: number
  isSecure?: boolean
}): Promise<FaultProxy> {
  const { host, port: targetPort, isSecure = false } = target
  const sockets = new Set<Socket>()
  let fault: ProxyFault | undefined
  let left = 0

  const take = (method: string): ProxyFault | undefined => {
    if (fault === undefined || left === 0 || (fault.method ?? method) !== method) return undefined
    left--
    return fault
  }
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  }
  const server = createServer((client) => {
    const upstream = isSecure
      ? connectSecurely({ host, port: targetPort, servername: host, ALPNProtocols: ['http/1.1'] })
      : connect(targetPort, host)
    keep(client)
    keep(upstream)
    joinSockets(client, upstream, take)
  })

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return {
    origin: `http://127.0.0.1:${port}`,
    next(next) {
      fault = next
      left = next?.times ?? Number.POSITIVE_INFINITY
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Passes bytes between both ends, each request with its own fault. */
function joinSockets(client: Socket, upstream: Socket, take: (method: string) => ProxyFault | undefined): void {
  const ends = { request: [client, upstream], answer: [upstream, client] } as const
  const passed = { request: 0, answer: 0 }
  let dripping = Promise.resolve()
  let fault: ProxyFault | undefined
  /** Nothing passes any more, not even the news that an end has gone. */
  let isStalled = false

  const write = (way: Way, bytes: Uint8Array): void => {
    const [from, to] = ends[way]
    if (bytes.length === 0 || to.write(bytes)) return
    from.pause()
    to.once('drain', () => from.resume())
  }

  const pass = (way: Way, chunk: Uint8Array): void => {
    const at = passed[way]
    passed[way] += chunk.length
    if (isStalled || (fault !== undefined && 'answer' in fault)) return
    if (fault !== undefined && 'cut' in fault && fault.cut === way) {
      const { after = 0, how } = fault
      write(way, chunk.subarray(0, Math.max(0, after - at)))
      if (passed[way] >= after) cut(how)
    } else if (fault !== undefined && 'drip' in fault && fault.drip === way) {
      const { bytes = 20 } = fault
      dripping = dripping.then(() => drip(chunk, { way, bytes, ends: ends[way] }))
    } else if (fault !== undefined && 'flip' in fault && fault.flip === way) {
      write(way, flipped(chunk, fault.offset - at))
    } else write(way, chunk)
  }

  const cut = (how: 'reset' | 'close' | 'stall'): void => {
    isStalled = how === 'stall'
    if (isStalled) return
    if (how === 'reset') client.resetAndDestroy()
    else client.destroy()
    upstream.destroy()
  }

  const readRequest = createRequestReader({
    begin(method) {
      fault = take(method)
      passed.request = 0
      passed.answer = 0
    },
    part(bytes, { isFirst, isLast }) {
      pass('request', bytes)
      if (fault !== undefined && 'answer' in fault && (fault.early === true ? isFirst : isLast)) {
        void respond(client, fault)
      }
    },
  })
  client.on('data', (chunk: Buffer) => readRequest(chunk))
  upstream.on('data', (chunk: Buffer) => pass('answer', chunk))
  for (const [from, to] of [ends.request, ends.answer]) {
    // What still drips comes before the news that its end has gone.
    from.once('end', () => void dripping.then(() => isStalled || to.end()))
    from.once('close', () => void dripping.then(() => isStalled || to.destroy()))
  }
}

interface DripOptions {
  way: Way
  bytes: number
  ends: readonly [from: Socket, to: Socket]
}

async function drip(chunk: Uint8Array, { way, bytes, ends: [from, to] }: DripOptions): Promise<void> {
  // A paused client could not be seen to hang up. Then the rest of its request goes: a store that got all of it in the
  // end would keep the object.
  const isCut = (): boolean => to.destroyed || (way === 'request' && (from.readableEnded || from.destroyed))
  if (way === 'answer') from.pause()
  for (let at = 0; at < chunk.length && !isCut(); at += bytes) {
    to.write(chunk.subarray(at, at + bytes))
    await wait(50)
  }
  if (way === 'answer') from.resume()
}

function flipped(chunk: Uint8Array, at: number): Uint8Array {
  const copy = Buffer.from(chunk)
  if (at >= 0 && at < copy.length) copy.writeUInt8(copy.readUInt8(at) ^ 1, at)
  return copy
}

async function respond(client: Socket, fault: { answer: string | Uint8Array; endless?: boolean }): Promise<void> {
  client.write(fault.answer)
  // Slowly: what never ends must not fill the memory of a reader who collects it.
  while (fault.endless === true && !client.destroyed) {
    client.write(Buffer.alloc(16_384))
    await wait(20)
  }
}

interface RequestParts {
  begin(method: string): void
  /** The head is the first part. */
  part(bytes: Uint8Array, position: { isFirst: boolean; isLast: boolean }): void
}

/** Splits a connection's bytes into requests, by Content-Length: what speaks through this proxy sends nothing chunked. */
function createRequestReader({ begin, part }: RequestParts): (chunk: Buffer) => void {
  let head = Buffer.alloc(0)
  let left = 0
  const readHead = (chunk: Buffer): Buffer => {
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return Buffer.alloc(0)
    const text = head.toString('latin1', 0, end)
    const [first, rest] = [head.subarray(0, end + 4), head.subarray(end + 4)]
    head = Buffer.alloc(0)
    left = Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? 0)
    begin(text.slice(0, text.indexOf(' ')))
    part(first, { isFirst: true, isLast: left === 0 })
    return rest
  }
  const readBody = (chunk: Buffer): Buffer => {
    const bytes = chunk.subarray(0, left)
    left -= bytes.length
    part(bytes, { isFirst: false, isLast: left === 0 })
    return chunk.subarray(bytes.length)
  }
  return (chunk) => {
    for (let rest = chunk; rest.length > 0; ) rest = left > 0 ? readBody(rest) : readHead(rest)
  }
}
