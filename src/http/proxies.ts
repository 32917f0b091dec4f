import type { Agent } from 'node:http'
import { checkText } from '../errors/checks.js'
import { describeSecret } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import type { AgentByProtocol } from './agents.js'
import { AGENT_OPTIONS } from './transport.js'

/** Environment variables, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The proxies that an environment names. */
export interface ProxySettings {
  /** By the protocol of the requests that go through them. */
  proxies: readonly ProxySetting[]
  /** The hosts that are asked directly, as the variable lists them. */
  noProxy?: string | undefined
}

interface ProxySetting {
  protocol: 'http' | 'https'
  /** The name of the variable. */
  variable: string
  /** It may hold a user and a password. */
  url: string
}

/** A variable without white space around it; undefined where it is absent or empty. @throws InvalidOptionError for what is no text. */
export function readVariable(env: Environment, variable: string): string | undefined {
  const value = env[variable]
  if (value === undefined) return undefined
  checkText(variable, value)
  const text = value.trim()
  return text === '' ? undefined : text
}

/**
 * Reads `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, each in small letters first, as Node does (Node: Built-in proxy
 * support).
 *
 * @throws InvalidOptionError for a proxy that is no http(s) URL: Node would go around it without a word.
 */
export function readProxies(env: Environment): ProxySettings | undefined {
  const find = (name: string): [variable: string, value: string] | undefined =>
    [name, name.toUpperCase()].flatMap((variable): [string, string][] => {
      const value = readVariable(env, variable)
      return value === undefined ? [] : [[variable, value]]
    })[0]
  const proxies = (['http', 'https'] as const).flatMap((protocol): ProxySetting[] => {
    const [variable, url] = find(`${protocol}_proxy`) ?? []
    return variable === undefined || url === undefined ? [] : [{ protocol, variable, url }]
  })
  for (const { variable, url } of proxies) {
    if (/^https?:\/\//i.test(url) && URL.canParse(url)) continue
    const problem = `must be an http(s) URL such as http://proxy.example:3128, got ${describeSecret(url)}`
    throw new InvalidOptionError({ option: variable, problem })
  }
  return proxies.length === 0 ? undefined : { proxies, noProxy: find('no_proxy')?.[1] }
}

/** For people: `https through proxy.example:3128 (HTTPS_PROXY)`, without user and password. */
export function describeProxies({ proxies, noProxy }: ProxySettings): string {
  const ways = proxies.map(({ protocol, variable, url }) => `${protocol} through ${new URL(url).host} (${variable})`)
  return `${ways.join(', ')}${noProxy === undefined ? '' : ', but for the hosts of NO_PROXY'}`
}

/** What to do where Node makes no connections through a proxy. */
export const PROXY_ADVICE =
  'Run Node 22.21, 24.5 or newer, or give the option agent an agent of the package https-proxy-agent or proxy-agent'

/** By their settings, so that all who read the same environment share connections, and are warned once. */
const made = new Map<string, AgentByProtocol | undefined>()

/**
 * Agents that go through the environment's proxies: Node's own, which also read `NO_PROXY`. Where Node has none, the
 * process gets a warning.
 *
 * @returns undefined without a proxy, and where Node has no such agents.
 * @throws InvalidOptionError as `readProxies` does.
 */
export function createProxyAgents(env: Environment): AgentByProtocol | undefined {
  const settings = readProxies(env)
  if (settings === undefined) return undefined
  const id = JSON.stringify(settings)
  if (!made.has(id)) made.set(id, makeAgents(settings))
  return made.get(id)
}

function makeAgents(settings: ProxySettings): AgentByProtocol | undefined {
  // In place of an import: environments without a proxy need none of these modules.
  const modules = { http: process.getBuiltinModule('node:http'), https: process.getBuiltinModule('node:https') }
  if (!readsProxyEnv(modules.http.Agent)) {
    const problem = 'this runtime makes no connections through a proxy by itself, so requests go directly'
    process.emitWarning(`A proxy is set (${describeProxies(settings)}), and ${problem}. ${PROXY_ADVICE}.`)
    return undefined
  }
  const { proxies, noProxy } = settings
  return Object.fromEntries(
    proxies.map(({ protocol, url }) => {
      // Node goes around a proxy whose scheme has capitals.
      const proxyEnv = {
        [`${protocol}_proxy`]: new URL(url).href,
        ...(noProxy === undefined ? {} : { no_proxy: noProxy }),
      }
      return [protocol, makeAgent(modules[protocol].Agent, proxyEnv)]
    }),
  )
}

/** Whether agents take the option `proxyEnv`: other runtimes have Node's version numbers, and not all that it can. */
function readsProxyEnv(NodeAgent: typeof Agent): boolean {
  let isRead = false
  makeAgent(NodeAgent, {
    get http_proxy() {
      isRead = true
      return undefined
    },
  }).destroy()
  return isRead
}

function makeAgent(NodeAgent: typeof Agent, proxyEnv: Environment): Agent {
  // In a variable: the types of older Nodes do not have it.
  const options = { ...AGENT_OPTIONS, proxyEnv }
  return new NodeAgent(options)
}
