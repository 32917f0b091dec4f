import type { Agent, ClientRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import { MAX_TIMER_MS } from '../timing/abort.js'

/** How long a connection that served others before may say nothing, in milliseconds. */
export const SILENT_SOCKET_MS = 5_000

interface ReuseOptions {
  agent: Agent
  /** Milliseconds without a byte after which the connection is taken for forgotten. */
  silentMs: number
}

/** A request, and whether another connection may have its answer. */
export interface WatchedRequest {
  /** It failed on a connection that served others before, and brought no byte of an answer. */
  isForgotten(): boolean
}

/** Watches a request from its beginning. A new connection costs nothing here. */
export function watchRequest(request: ClientRequest, options: ReuseOptions): WatchedRequest {
  let watched: WatchedRequest | undefined
  request.once('socket', (socket: Duplex) => {
    if (request.reusedSocket) watched = watchReusedSocket(request, socket, options)
  })
  return { isForgotten: () => watched?.isForgotten() === true }
}

/**
 * A NAT, a load balancer or a frozen function may have forgotten a connection that was idle, and answer with a reset or
 * not at all. One that stays silent is ended; the idle connections beside it have most likely met the same end, and go too.
 */
export function watchReusedSocket(
  request: ClientRequest,
  socket: Duplex,
  { agent, silentMs }: ReuseOptions,
): WatchedRequest {
  const readBefore = countReadBytes(socket)
  const isSilent = (): boolean => countReadBytes(socket) === readBefore
  let isForgotten = false
  const end = (): void => {
    if (isSilent()) request.destroy(createSilenceError())
  }
  // Not the connection's own timer: Bun ends a request by it, also one whose answer has begun.
  const timer = setTimeout(end, Math.min(silentMs, MAX_TIMER_MS))
  request.once('response', () => clearTimeout(timer))
  request.once('close', () => clearTimeout(timer))
  request.prependOnceListener('error', () => {
    isForgotten = isSilent()
    if (isForgotten) endIdleSockets(agent)
  })
  return { isForgotten: () => isForgotten }
}

/**
 * Ends a request that was sent whole on a connection which served others before, when no answer comes. A body that is
 * still on its way to the connection is no silence.
 */
export function endWhenSilent(request: ClientRequest, silentMs: number): void {
  const timer = setTimeout(() => request.destroy(createSilenceError()), Math.min(silentMs, MAX_TIMER_MS))
  const end = (): void => clearTimeout(timer)
  request.on('drain', () => timer.refresh())
  request
    .once('finish', () => timer.refresh())
    .once('response', end)
    .once('close', end)
}

function createSilenceError(): Error {
  return Object.assign(new Error('the connection is silent'), { code: 'ECONNRESET' })
}

/** `NaN` for a stream of a package that does not count: it is never taken for silent. */
function countReadBytes(socket: Duplex): number {
  return Number(Reflect.get(socket, 'bytesRead'))
}

/** Agents of packages may have none. */
export function endIdleSockets(agent: Agent): void {
  const idle: Partial<Agent['freeSockets']> | undefined = agent.freeSockets
  for (const socket of Object.values(idle ?? {}).flat()) socket?.destroy()
}
