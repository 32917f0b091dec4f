import type { Agent } from 'node:http'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkMethods } from '../errors/checks.js'
import { InvalidOptionError } from '../errors.js'

/**
 * The agent of all requests, such as `new HttpsProxyAgent(url)` (https-proxy-agent) or `new ProxyAgent()` (proxy-agent), or
 * one for each protocol. An agent stays yours to destroy.
 */
export type HttpAgents = Agent | AgentByProtocol

/** One agent for each protocol. A protocol that is left out has the library's own. */
export interface AgentByProtocol {
  /** For `http:` URLs: an `Agent` of `node:http`. */
  http?: Agent | undefined
  /** For `https:` URLs: an `Agent` of `node:https`. */
  https?: Agent | undefined
}

const PROTOCOLS: OptionNames<AgentByProtocol> = { http: true, https: true }

const AN_AGENT = { kind: 'an Agent of node:http or node:https', methods: ['addRequest'] } as const

/** @throws InvalidOptionError for anything else than agents. */
export function checkAgents(agent: HttpAgents): void {
  if (isAgent(agent)) return
  if (typeof Object(agent).dispatch === 'function') {
    throw new InvalidOptionError({
      option: 'agent',
      problem: `must be ${AN_AGENT.kind}, got a dispatcher of undici: give it to fromFetch(fetch, { dispatcher })`,
    })
  }
  checkOptions(agent, PROTOCOLS, { option: 'agent' })
  const { http, https } = agent
  if (http === undefined && https === undefined) {
    throw new InvalidOptionError({ option: 'agent', problem: `must be ${AN_AGENT.kind}, or { http, https } with one` })
  }
  if (http !== undefined) checkMethods('agent.http', http, AN_AGENT)
  if (https !== undefined) checkMethods('agent.https', https, AN_AGENT)
}

/** @param protocol `http:` or `https:`. @returns undefined where the library's own agent serves. */
export function findAgent(agent: HttpAgents | undefined, protocol: string): Agent | undefined {
  if (agent === undefined || isAgent(agent)) return agent
  return protocol === 'http:' ? agent.http : agent.https
}

/** By its method: agents of packages need not come from Node's class. */
function isAgent(agent: HttpAgents): agent is Agent {
  return typeof Reflect.get(Object(agent), 'addRequest') === 'function'
}
