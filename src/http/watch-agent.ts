import type { Agent, ClientRequest } from 'node:http'
import { watchRequest } from './reused-socket.js'

/** What failed requests ended with on forgotten connections, without a byte of an answer. */
const forgotten = new WeakSet<Error>()

/**
 * The agent, for a client that makes its requests by itself: requests on connections that served others before are
 * watched, and `repeatForgotten` knows their errors. The given agent itself stays as it is.
 *
 * @param findSilentMs how long a request may have no byte of an answer, in milliseconds. `undefined`: it is not watched.
 */
export function watchAgent(agent: Agent, findSilentMs: (request: ClientRequest) => number | undefined): Agent {
  const addRequest = (request: ClientRequest, ...rest: unknown[]): unknown => {
    const silentMs = findSilentMs(request)
    if (silentMs !== undefined) {
      const { isForgotten } = watchRequest(request, { agent, silentMs })
      request.once('error', (error) => {
        if (isForgotten()) forgotten.add(error)
      })
    }
    // Node's types do not know the method, which all agents have.
    return Reflect.apply(Reflect.get(agent, 'addRequest'), agent, [request, ...rest])
  }
  return new Proxy(agent, {
    // Getters of packages' agents may read private members, which an object that inherits has not.
    get: (given, name) => (name === 'addRequest' ? addRequest : Reflect.get(given, name, given)),
  })
}

/** Sends again, once and at once, what failed on a connection of a watched agent that the network had forgotten. */
export async function repeatForgotten<T>(send: () => Promise<T>): Promise<T> {
  try {
    return await send()
  } catch (error) {
    if (!forgotten.has(Object(error))) throw error
    return send()
  }
}
