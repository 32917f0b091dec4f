import { createHash } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { startLoopback } from '../loopback.js'

/** What a store may do otherwise than S3, each as some real store or proxy does. */
export type Lie =
  | 'ignores the condition'
  | 'answers success and keeps the first'
  | 'creates twice what is put twice at once'
  | 'answers 501 to the condition'
  | 'answers 409 to the condition'
  | 'refuses and overwrites'
  | 'ignores checksums'
  | 'knows no checksum header'
  | 'refuses wrong checksums and keeps the body'
  | 'answers 500 to wrong checksums'
  | 'stores chunk framing'
  | 'keeps the encoding aws-chunked'
  | 'refuses chunked bodies'
  | 'changes bytes'
  | 'reports another size'
  | 'forbids HEAD'
  | 'knows no HEAD'
  | 'finds nothing by HEAD'
  | 'forgets metadata'
  | 'forgets types'
  | 'forgets checksums'
  | 'acknowledges another checksum'
  | 'ignores overrides'
  | 'forbids signed URLs'
  | 'spoils signed reads'
  | 'forgets tags'
  | 'refuses tags'
  | 'knows no tags'
  | 'forbids tags to be read'
  | 'refuses metadata'
  | 'forbids GET'
  | 'finds nothing by GET'
  | 'hides what is absent'
  | 'forbids PUT'
  | 'forbids DELETE'
  | 'deletes nothing'
  | 'is busy at each first DELETE'
  | 'deletes one object only'
  | 'never answers'

/** A server that speaks S3's language on the loopback, honest but for its lies. It does not check signatures. */
export interface LyingStore {
  endpoint: string
  /** By path, `/bucket/key`. */
  objects: ReadonlyMap<string, Buffer>
  /** Method and path of each request. */
  requests: readonly string[]
  close(): Promise<void>
}

interface Held {
  bytes: Buffer
  headers: Record<string, string>
  tags: string
}

export async function createLyingStore(...lies: readonly Lie[]): Promise<LyingStore> {
  const held = new Map<string, Held>()
  const does = (lie: Lie): boolean => lies.includes(lie)
  const serve = createServing(held, does)
  const { origin, requests, close } = await startLoopback((request, response) => {
    if (does('never answers')) return
    void serve(request, response).catch(() => response.destroy())
  })
  return {
    endpoint: origin,
    requests,
    get objects() {
      return new Map([...held].map(([path, { bytes }]) => [path, bytes]))
    },
    close,
  }
}

type Does = (lie: Lie) => boolean

function createServing(held: Map<string, Held>, does: Does) {
  const busyAt = new Set<string>()
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname: path, searchParams } = new URL(request.url ?? '/', 'http://s3')
    const found = held.get(path)
    if (request.method === 'PUT') return put(request, response, { held, path, does })
    if (request.method === 'DELETE') {
      if (does('forbids DELETE')) return refuse(response, 403, 'AccessDenied')
      const isBusy = does('is busy at each first DELETE') && !busyAt.has(path) && !path.endsWith('/object')
      busyAt.add(path)
      if (isBusy || (does('deletes one object only') && !path.endsWith('/object')))
        return refuse(response, 503, 'SlowDown')
      if (!does('deletes nothing')) held.delete(path)
      response.writeHead(204).end()
      return
    }
    if (request.method === 'HEAD') return head(response, found, does)
    if (searchParams.has('tagging')) return tagging(response, found, does)
    return get(response, { found, searchParams, does })
  }
}

async function put(
  request: IncomingMessage,
  response: ServerResponse,
  { held, path, does }: { held: Map<string, Held>; path: string; does: Does },
): Promise<void> {
  const { headers } = request
  const sent = await buffer(request)
  const isChunked = headers['content-encoding']?.includes('aws-chunked') === true
  const bytes = isChunked && !does('stores chunk framing') ? unframe(sent) : sent
  const announced = headers['x-amz-checksum-sha256']
  const checksum = createHash('sha256').update(bytes).digest('base64')
  const isOtherBody = announced !== undefined && announced !== checksum && !does('knows no checksum header')
  const signed = headers['x-amz-content-sha256']
  const isOtherPayload = /^[0-9a-f]{64}$/.test(String(signed)) && signed !== hashOf(bytes)
  const isWrong = (isOtherBody || isOtherPayload) && !does('ignores checksums')
  const hasCondition = headers['if-none-match'] === '*'

  if (does('forbids PUT')) return refuse(response, 403, 'AccessDenied')
  if (does('refuses chunked bodies') && isChunked) return refuse(response, 411, 'MissingContentLength')
  if (does('refuses tags') && headers['x-amz-tagging'] !== undefined) return refuse(response, 501, 'NotImplemented')
  if (does('refuses metadata') && headers['x-amz-meta-probe-name'] !== undefined) {
    return refuse(response, 400, 'InvalidArgument')
  }
  if (does('answers 501 to the condition') && hasCondition) return refuse(response, 501, 'NotImplemented')
  if (does('answers 500 to wrong checksums') && isWrong) return refuse(response, 500, 'InternalError')
  const object = keep({ bytes: does('changes bytes') ? flipped(bytes) : bytes, checksum, headers, does })
  if (isWrong) {
    if (does('refuses wrong checksums and keeps the body')) held.set(path, object)
    return refuse(response, 400, isOtherBody ? 'BadDigest' : 'XAmzContentSHA256Mismatch')
  }
  const ignores = does('ignores the condition') || (path.endsWith('created-at-once') && does(TWICE))
  const exists = hasCondition && held.has(path) && !ignores
  if (exists && does('answers 409 to the condition')) return refuse(response, 409, 'ConditionalRequestConflict')
  if (exists && !does('answers success and keeps the first')) {
    if (does('refuses and overwrites')) held.set(path, object)
    return refuse(response, 412, 'PreconditionFailed')
  }
  if (!exists) held.set(path, object)
  const acknowledged = does('acknowledges another checksum') ? hashOfNothing : undefined
  response.writeHead(200, {
    etag: object.headers['etag'],
    ...(acknowledged === undefined ? {} : { 'x-amz-checksum-sha256': acknowledged }),
  })
  response.end()
}

const TWICE = 'creates twice what is put twice at once'
const hashOfNothing = createHash('sha256').digest('base64')

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function keep(facts: { bytes: Buffer; checksum: string; headers: IncomingMessage['headers']; does: Does }): Held {
  const { bytes, checksum, headers, does } = facts
  const isKept = (name: string): boolean =>
    (!does('forgets types') && (name === 'content-type' || name === 'content-disposition')) ||
    (!does('forgets metadata') && name.startsWith('x-amz-meta-')) ||
    (does('keeps the encoding aws-chunked') && name === 'content-encoding')
  const kept = Object.entries(headers).filter(([name]) => isKept(name))
  return {
    bytes,
    headers: {
      ...Object.fromEntries(kept.map(([name, value]) => [name, String(value)])),
      ...(does('forgets checksums') ? {} : { 'x-amz-checksum-sha256': checksum }),
      etag: `"${createHash('md5').update(bytes).digest('hex')}"`,
    },
    tags: String(headers['x-amz-tagging'] ?? ''),
  }
}

function head(response: ServerResponse, found: Held | undefined, does: Does): void {
  if (does('forbids HEAD')) response.writeHead(403)
  else if (does('knows no HEAD')) response.writeHead(405)
  else if (found === undefined || does('finds nothing by HEAD')) response.writeHead(404)
  else {
    const size = found.bytes.length + (does('reports another size') ? 1 : 0)
    response.writeHead(200, { ...found.headers, 'content-length': size })
  }
  response.end()
}

async function get(
  response: ServerResponse,
  { found, searchParams, does }: { found: Held | undefined; searchParams: URLSearchParams; does: Does },
): Promise<void> {
  const isSigned = searchParams.has('X-Amz-Signature')
  if (does('forbids GET') || (isSigned && does('forbids signed URLs'))) return refuse(response, 403, 'AccessDenied')
  if (found === undefined && does('hides what is absent')) return refuse(response, 403, 'AccessDenied')
  if (found === undefined || does('finds nothing by GET')) return refuse(response, 404, 'NoSuchKey')
  const forced: OutgoingHttpHeaders = {}
  for (const name of does('ignores overrides') ? [] : ['content-type', 'content-disposition']) {
    const value = searchParams.get(`response-${name}`)
    if (value !== null) forced[name] = value
  }
  response.writeHead(200, { ...found.headers, ...forced })
  response.end(isSigned && does('spoils signed reads') ? flipped(found.bytes) : found.bytes)
}

async function tagging(response: ServerResponse, found: Held | undefined, does: Does): Promise<void> {
  if (does('knows no tags')) return refuse(response, 501, 'NotImplemented')
  if (does('forbids tags to be read')) return refuse(response, 403, 'AccessDenied')
  const tags = does('forgets tags') ? [] : [...new URLSearchParams(found?.tags)]
  const set = tags.map(([name, value]) => `<Tag><Key>${name}</Key><Value>${value}</Value></Tag>`).join('')
  response.writeHead(200, { 'content-type': 'application/xml' }).end(`<Tagging><TagSet>${set}</TagSet></Tagging>`)
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' })
  response.end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>Refused.</Message></Error>`)
}

/** The bytes of an aws-chunked body: each chunk behind its size in hex, the last one empty, then trailers. */
function unframe(sent: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const end = sent.indexOf('\r\n', at)
    const size = Number.parseInt(sent.toString('latin1', at, end), 16)
    if (!(size > 0)) return Buffer.concat(parts)
    parts.push(sent.subarray(end + 2, end + 2 + size))
    at = end + 2 + size + 2
  }
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  if (copy.length > 0) copy.writeUInt8(copy.readUInt8(0) ^ 1, 0)
  return copy
}
