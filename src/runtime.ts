/** Where this library runs, as far as the runtime sets limits that a program elsewhere does not have. */

import { readField } from './errors/thrown.js'
import { InvalidOptionError } from './errors.js'

/**
 * AWS Lambda. The global `awslambda` alone proves nothing: the AWS SDK makes one wherever it is loaded. Lambda's own can
 * stream.
 */
export function isLambda(): boolean {
  const runtime: unknown = Reflect.get(globalThis, 'awslambda')
  return typeof runtime === 'object' && runtime !== null && 'streamifyResponse' in runtime
}

/** Cloudflare Workers. Node, Deno and Bun have a `navigator` too, which names them. */
export function isCloudflareWorkers(): boolean {
  return readField(Reflect.get(globalThis, 'navigator'), 'userAgent') === 'Cloudflare-Workers'
}

/** What stand-ins for browsers take away: Jest's `jsdom` has none of them. */
const GLOBALS = ['Request', 'Response', 'Headers', 'ReadableStream', 'TextEncoder']

/** @throws InvalidOptionError where globals of Node are missing. Their values stay untouched: one loads all of Node's fetch. */
export function checkGlobals(): void {
  const lacking = GLOBALS.filter((name) => !(name in globalThis))
  if (lacking.length === 0) return
  const advice = 'Put the comment /** @jest-environment node */ at the top of the test file'
  const problem = `must be node: as in Jest's jsdom, here is no ${lacking.join(', ')}. ${advice}`
  throw new InvalidOptionError({ option: 'testEnvironment', problem })
}

/**
 * Ties an object to the request in which it is made. Cloudflare Workers end all that a request began, when the request
 * ends or its client leaves: what another request shares with it then never settles.
 *
 * @param name the object's name in the error.
 * @returns a check for each use. Elsewhere than on Workers it lets all uses pass.
 * @throws InvalidOptionError on Workers, outside of a request; the check: in another request.
 */
export function tieToRequest(name: string): () => void {
  if (!isCloudflareWorkers()) return () => {}
  const refuse = (): never => {
    const rule = 'must be made in the request that uses it, on Cloudflare Workers: a promise or timer of one request'
    const advice =
      'may never end in another. Make it inside fetch(), queue() or scheduled(), and give its work to ctx.waitUntil()'
    throw new InvalidOptionError({ option: name, problem: `${rule} ${advice}` })
  }
  const tie = makeTie() ?? refuse()
  return () => {
    if (!isReadable(tie)) refuse()
  }
}

/**
 * A socket that nobody opens: outside of a request Workers make none, and its state can be read in its own request only.
 * Their other objects let some uses pass, depending on the version.
 */
function makeTie(): object | undefined {
  const Pair: unknown = Reflect.get(globalThis, 'WebSocketPair')
  if (typeof Pair !== 'function') return {}
  try {
    return Object(Reflect.get(Reflect.construct(Pair, []), 0))
  } catch {
    return undefined
  }
}

function isReadable(tie: object): boolean {
  try {
    Reflect.get(tie, 'readyState')
    return true
  } catch {
    return false
  }
}
