import type { Agent } from 'node:http'
import { findAgent, type HttpAgents } from './agents.js'
import { endIdleSockets } from './reused-socket.js'

/** `node:http` or `node:https`, and an agent whose connections stay open for the next request. */
export interface Transport {
  /** The module's object, in place of its function: tracers and test tools patch that object. */
  module: Pick<typeof import('node:http'), 'request'>
  agent: Agent
}

interface TransportOptions {
  agent?: HttpAgents | undefined
  maxSockets?: number | undefined
  keepAliveMs?: number | undefined
  prepare?: ((agent: Agent, protocol: string) => void) | undefined
}

export interface Transports {
  /** @param protocol `http:` or `https:`. Node's module is loaded at the first request. */
  open(protocol: string): Promise<Transport>
  /** Ends all connections of agents made here, those in use too. */
  close(): void
}

/** How long a connection stays open without a request, in milliseconds: less than servers and NATs keep theirs. */
const KEEP_ALIVE_MS = 4_000

/**
 * How this library's connections work. Nagle's algorithm would hold small writes back until the peer's delayed
 * acknowledgement, 40 ms each. There are as many connections as the caller runs transfers.
 */
export const AGENT_OPTIONS: Readonly<{ keepAlive: boolean; noDelay: boolean; maxSockets: number }> = {
  keepAlive: true,
  noDelay: true,
  maxSockets: Number.POSITIVE_INFINITY,
}

/**
 * @param options `agent`: in place of an agent made here. `maxSockets`: connections to one host at once. Default: no limit.
 *   `keepAliveMs`: for idle connections. `prepare`: sees each agent that is made here before its first request.
 */
export function createTransports(options: TransportOptions = {}): Transports {
  const { agent: given, maxSockets = AGENT_OPTIONS.maxSockets, keepAliveMs = KEEP_ALIVE_MS, prepare } = options
  const made: Agent[] = []
  let lastOpenedAt = Date.now()
  const opened = new Map<string, Transport>()
  const load = async (protocol: string): Promise<Transport> => {
    // Loaded late, because it costs as much as a fifth of this library.
    const { default: module } = await (protocol === 'http:' ? import('node:http') : import('node:https'))
    // Another first request may have been faster.
    const other = opened.get(protocol)
    if (other !== undefined) return other
    const agent = findAgent(given, protocol) ?? makeAgent(module, protocol)
    opened.set(protocol, { module, agent })
    return { module, agent }
  }
  const makeAgent = (module: Pick<typeof import('node:http'), 'Agent'>, protocol: string): Agent => {
    const agent = new module.Agent({ ...AGENT_OPTIONS, maxSockets, timeout: keepAliveMs })
    prepare?.(agent, protocol)
    made.push(agent)
    return agent
  }
  return {
    async open(protocol) {
      const now = Date.now()
      // The timers of a frozen function stand still, and its first request comes before they go on.
      if (now - lastOpenedAt > keepAliveMs) made.forEach(endIdleSockets)
      lastOpenedAt = now
      return opened.get(protocol) ?? load(protocol)
    },
    close() {
      for (const agent of made) agent.destroy()
    },
  }
}

/** The host to connect to. A URL has an IPv6 address in brackets. */
export function readHost({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '')
}
