import type { IncomingMessage, ServerResponse } from 'node:http'
import { describeValue } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { isObject } from '../json.js'
import type { BodyTaker } from './parsed-body.js'

/**
 * A framework's own request, with Node's inside: Fastify's `request`, Koa's `ctx.request`, Hapi's `request`. Raw bodies
 * that are kept on it are found.
 */
export type FrameworkRequest =
  | {
      /** Node's request, or the object that holds it. */
      readonly raw:
        | IncomingMessage
        | {
            /** Node's request. */
            readonly req: IncomingMessage
          }
    }
  | {
      /** Node's request. */
      readonly req: IncomingMessage
    }

/** A framework's own response, with Node's inside: Fastify's `reply`. */
export interface FrameworkResponse {
  /** Node's response. */
  readonly raw: ServerResponse
  /** Tells the framework that another one answers. */
  hijack?(): unknown
}

/** Node's request, inside a framework's or by itself. */
export function unwrapRequest(given: IncomingMessage | FrameworkRequest): IncomingMessage {
  const raw = readInner(given, 'raw')
  const inner = [raw, readInner(raw, 'req'), readInner(given, 'req')].find(isNodeRequest)
  // What holds no other request is one.
  return inner ?? (given as IncomingMessage)
}

/**
 * Node's response, inside a framework's or by itself. The framework hears that it is taken over.
 *
 * @throws InvalidOptionError for what can't be answered on.
 */
export function takeResponse(given: ServerResponse | FrameworkResponse): ServerResponse {
  if (isFrameworkResponse(given)) {
    given.hijack?.()
    return given.raw
  }
  if (isNodeResponse(given)) return given
  // Koa's `ctx.response`
  const hint = isNodeResponse(readInner(given, 'res')) ? ': give its res' : ''
  const rule =
    "must be Node's response, or a framework's with Node's as raw; a web-standard Request goes to the handler itself"
  throw new InvalidOptionError({ option: 'response', problem: `${rule}, got ${describeValue(given)}${hint}` })
}

function isFrameworkResponse(given: unknown): given is FrameworkResponse {
  return isNodeResponse(readInner(given, 'raw'))
}

function isNodeResponse(value: unknown): value is ServerResponse {
  return isObject(value) && typeof value['writeHead'] === 'function' && typeof value['end'] === 'function'
}

/** Whose request it is, by the marks that frameworks leave. */
export function findFramework(given: IncomingMessage | FrameworkRequest): BodyTaker {
  const raw = readInner(given, 'raw')
  if (isNodeRequest(readInner(raw, 'req'))) return 'hapi'
  if (isNodeRequest(raw)) return 'fastify'
  if (isNodeRequest(readInner(given, 'req'))) return 'koa'
  if ('baseUrl' in given && 'originalUrl' in given) return 'express'
  return NEXT_META in given ? 'next-pages' : 'node'
}

/** Next.js keeps its notes of a request under this symbol. */
const NEXT_META = Symbol.for('NextInternalRequestMeta')

function readInner(holder: unknown, name: string): unknown {
  return isObject(holder) ? Reflect.get(holder, name) : undefined
}

/** Some apps keep the raw body as `raw`: it is no request. */
function isNodeRequest(value: unknown): value is IncomingMessage {
  return isObject(value) && typeof value['on'] === 'function' && 'httpVersion' in value
}
