import * as http from 'node:http'
import * as https from 'node:https'
import { vi } from 'vitest'

/**
 * Lets `process.getBuiltinModule` give modules whose agents do, or do not, know the option `proxyEnv`: this Node may be of
 * either kind. `made` gets the options of each agent.
 */
export function fakeProxyAgents({ readsProxyEnv }: { readsProxyEnv: boolean }): { made: Record<string, unknown>[] } {
  const made: Record<string, unknown>[] = []
  const read = (options: object = {}): void => {
    const proxyEnv: unknown = Reflect.get(options, 'proxyEnv')
    if (readsProxyEnv) made.push({ ...Object(proxyEnv) })
  }
  class PlainAgent extends http.Agent {
    constructor(options?: http.AgentOptions) {
      read(options)
      super({ keepAlive: true })
    }
  }
  class SecureAgent extends https.Agent {
    constructor(options?: https.AgentOptions) {
      read(options)
      super({ keepAlive: true })
    }
  }
  vi.spyOn(process, 'getBuiltinModule').mockImplementation((id: string) =>
    id === 'node:http' ? { Agent: PlainAgent } : { Agent: SecureAgent },
  )
  return { made }
}
