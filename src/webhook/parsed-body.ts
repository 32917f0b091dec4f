import { types } from 'node:util'
import { isObject } from '../json.js'

/*
 * What to change when something before the handler has taken the body, in the words of the framework at hand.
 */

/** Who handed over a request whose body was taken. */
export type BodyTaker = 'express' | 'fastify' | 'koa' | 'hapi' | 'next-pages' | 'node' | 'lambda' | 'web'

const KEEP_IN_EXPRESS =
  'keep the bytes: ' + 'express.json({ verify: (request, response, bytes) => { request.rawBody = bytes } })'
const KEEP_IN_NEST = 'in NestJS, NestFactory.create(AppModule, { rawBody: true })'
const KEEP_IN_FASTIFY =
  "keep the bytes with addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => " +
  '{ request.rawBody = body; done(null, JSON.parse(body)) }), and give the handler the request of Fastify itself'
const SWITCH_OFF_IN_NEXT = 'export const config = { api: { bodyParser: false } }'

const TAKER_ADVICE: Readonly<Record<BodyTaker, string>> = {
  express: `Mount the handler before express.json() and body-parser, or ${KEEP_IN_EXPRESS}; ${KEEP_IN_NEST}`,
  fastify: `In Fastify, ${KEEP_IN_FASTIFY}; ${KEEP_IN_NEST}`,
  koa: 'In Koa, mount the handler before bodyParser(), or give it ctx.request, where the parser keeps rawBody',
  hapi: "In Hapi, give the route options: { payload: { parse: false, output: 'data' } }",
  'next-pages': `In Next.js pages, ${SWITCH_OFF_IN_NEXT}`,
  node:
    `Mount the handler before express.json() and every other body parser. In Express, ${KEEP_IN_EXPRESS}. In Fastify, give the handler the ` +
    `request of Fastify itself with a rawBody; in Koa, ctx.request; in Next.js pages, ${SWITCH_OFF_IN_NEXT}`,
  lambda:
    'In Lambda, event.body must be the text as it came: with middy, take httpJsonBodyParser off this function, or ' +
    'keep the text as event.rawBody before it',
  web: 'Call the handler before request.json() and request.text(), or give them request.clone()',
}

/** The advice for a body that was taken before. */
export function adviseOnParsedBody(taker: BodyTaker): string {
  return `was read before the webhook handler got it, so its signature can't be checked. ${TAKER_ADVICE[taker]}`
}

/** The names under which frameworks and their parsers keep a body. */
const KEPT_NAMES = ['rawBody', 'body', 'payload'] as const

/**
 * The raw bodies that earlier readers have kept, as bytes or as text: `express.raw()` and `express.text()`, the
 * `rawBody` of NestJS, Google Cloud Functions, fastify-raw-body, Koa's body parsers and countless `verify` functions,
 * and Hapi's `payload`. Only a signature shows which of them is what was sent.
 */
export function findKeptBodies(...holders: readonly unknown[]): Uint8Array[] {
  const kept = holders.flatMap((holder) =>
    isObject(holder) ? KEPT_NAMES.map((name) => Reflect.get(holder, name)) : [],
  )
  return kept.flatMap((body: unknown) => {
    if (types.isUint8Array(body)) return [body]
    if (typeof body !== 'string') return []
    const latin1 = Buffer.from(body, 'latin1')
    // `toString('latin1')` and `'binary'` keep one character for each byte.
    const isLatin1 = /[\x80-\xff]/.test(body) && latin1.toString('latin1') === body
    return isLatin1 ? [Buffer.from(body), latin1] : [Buffer.from(body)]
  })
}
