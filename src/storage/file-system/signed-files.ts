import { createHmac, timingSafeEqual } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { describeSecret } from '../../errors/describe.js'
import { InvalidOptionError } from '../../errors.js'
import { checkSignedUrlOptions, type SignedUrlOptions } from '../../storage.js'
import type { OpenObject } from './open-object.js'

/** Signs URLs of files, and answers them. */
export interface FileSigner {
  /** @throws InvalidOptionError for an expiry, content type or disposition that no answer could have. */
  sign(key: string, options: SignedUrlOptions): { url: string; expiresAt: Date }
  /** Never rejects. */
  serve(request: Request): Promise<Response>
}

const MIN_SECRET_LENGTH = 16
const ANSWERED_BYTES = 65_536

/**
 * Signed URLs of the form `{baseUrl}/{key}?expires=…&type=…&disposition=…&signature=…`: `expires` in milliseconds since
 * 1970, `signature` an HMAC-SHA256 over key, expiry, content type and disposition.
 *
 * @param options `baseUrl`: as `checkBaseUrl` returns it.
 * @throws InvalidOptionError for a secret of fewer than 16 characters.
 */
export function createFileSigner(options: {
  baseUrl: string
  secret: string
  open: (key: string) => Promise<OpenObject | null>
}): FileSigner {
  const { baseUrl, secret, open } = options
  if (typeof secret !== 'string' || secret.length < MIN_SECRET_LENGTH) {
    throw new InvalidOptionError({
      option: 'secret',
      problem: `must be a string of at least ${MIN_SECRET_LENGTH} characters, got ${describeSecret(secret)}`,
    })
  }
  const { pathname: basePath } = new URL(`${baseUrl}/`)
  return {
    sign(key, signing) {
      checkSignedUrlOptions(signing)
      const { expiresIn, contentType: type, contentDisposition: disposition, signedAt = new Date() } = signing
      const expiresAt = new Date(signedAt.getTime() + expiresIn * 1_000)
      const expires = String(expiresAt.getTime())
      const signature = computeSignature(secret, { key, expires, type, disposition })
      const query = new URLSearchParams({ expires, type, disposition, signature })
      return { url: `${buildObjectUrl(baseUrl, key)}?${query}`, expiresAt }
    },
    async serve(request) {
      if (request.method !== 'GET' && request.method !== 'HEAD') return refuseRequest(405, { allow: 'GET, HEAD' })
      const grant = findGrant(new URL(request.url), { basePath, secret })
      if (grant === undefined) return refuseRequest(403)
      try {
        const opened = await open(grant.key)
        return opened === null ? refuseRequest(404) : await answerRequest(request, opened, grant)
      } catch {
        // The app's server would show its visitors the error, or crash.
        return refuseRequest(500)
      }
    },
  }
}

/** The signed parts of a URL. */
interface Grant {
  key: string
  /** Milliseconds since 1970. */
  expires: string
  /** Content-Type. */
  type: string
  /** Content-Disposition. */
  disposition: string
}

function computeSignature(secret: string, { key, expires, type, disposition }: Grant): string {
  // As JSON: with plain separators one could move characters from one field to the next.
  return createHmac('sha256', secret)
    .update(JSON.stringify([key, expires, type, disposition]))
    .digest('base64url')
}

/** The grant of a URL that bears our signature and is in time. */
function findGrant(url: URL, { basePath, secret }: { basePath: string; secret: string }): Grant | undefined {
  const key = url.pathname.startsWith(basePath) ? decodePath(url.pathname.slice(basePath.length)) : undefined
  if (key === undefined) return undefined
  const read = (name: string): string => url.searchParams.get(name) ?? ''
  const grant = { key, expires: read('expires'), type: read('type'), disposition: read('disposition') }
  const isOurs = isEqual(read('signature'), computeSignature(secret, grant))
  return isOurs && Number(grant.expires) > Date.now() ? grant : undefined
}

/**
 * The base URL without trailing slashes.
 *
 * @throws InvalidOptionError unless it is an http(s) URL without credentials, query and fragment.
 */
export function checkBaseUrl(baseUrl: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (url === undefined || !/^https?:\/\/[^/?#@]+(?:\/[^?#]*)?$/.test(url.href)) {
    const problem = `must be an http(s) URL without credentials, query and fragment, got ${describeSecret(baseUrl)}`
    throw new InvalidOptionError({ option: 'baseUrl', problem })
  }
  return url.href.replace(/\/+$/, '')
}

export function buildObjectUrl(baseUrl: string, key: string): string {
  return `${baseUrl}/${key.split('/').map(encodeURIComponent).join('/')}`
}

async function answerRequest(request: Request, opened: OpenObject, grant: Grant): Promise<Response> {
  const { file, size, modified, recorded } = opened
  const headers = new Headers({
    'content-type': grant.type,
    'content-disposition': grant.disposition,
    'cache-control': `private, max-age=${Math.floor((Number(grant.expires) - Date.now()) / 1_000)}`,
    'accept-ranges': 'bytes',
    'last-modified': modified.toUTCString(),
    // A stranger sent these bytes: the browser must not guess a type, and must run nothing in them.
    'x-content-type-options': 'nosniff',
    'content-security-policy': buildPolicy(grant.type),
  })
  if (recorded !== undefined) headers.set('etag', `"${recorded.sha256}"`)
  const range = parseRange(request, { size, etag: headers.get('etag') })
  if (range.kind === 'unsatisfiable') {
    await file.close()
    return refuseRequest(416, { 'content-range': `bytes */${size}` })
  }
  const { start, end } = range
  headers.set('content-length', String(end - start))
  if (range.kind === 'part') headers.set('content-range', `bytes ${start}-${end - 1}/${size}`)
  const status = range.kind === 'part' ? 206 : 200
  if (request.method === 'HEAD' || start === end) {
    await file.close()
    return new Response(null, { status, headers })
  }
  return new Response(streamRange(file, { start, end }), { status, headers })
}

/**
 * No scripts, no requests, no origin. Sound and video in a tab of their own are the exception: there, browsers make a
 * page that asks for the same URL once more, which takes an origin and the permission. Scripts stay off.
 */
function buildPolicy(contentType: string): string {
  return /^(?:audio|video)\//.test(contentType)
    ? "sandbox allow-same-origin; default-src 'none'; media-src 'self'"
    : "sandbox; default-src 'none'"
}

/** The bytes that a request asks for, `end` exclusive. */
type AskedRange = { kind: 'whole' | 'part'; start: number; end: number } | { kind: 'unsatisfiable' }

/** The one range that is asked for. Several ranges get the whole, which RFC 9110 (section 14.2) allows. */
function parseRange(request: Request, file: { size: number; etag: string | null }): AskedRange {
  const whole = { kind: 'whole', start: 0, end: file.size } as const
  const condition = request.headers.get('if-range')
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.get('range') ?? '') ?? []
  if (request.method === 'HEAD' || first === undefined || last === undefined || first + last === '') return whole
  if (condition !== null && condition !== file.etag) return whole
  const start = first === '' ? Math.max(0, file.size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? file.size : Math.min(file.size, Number(last) + 1)
  if (first !== '' && last !== '' && Number(last) < start) return whole
  return start < end ? { kind: 'part', start, end } : { kind: 'unsatisfiable' }
}

/** Reads only when asked for more, one piece at a time, and closes the file at the end, on an error, and when the client has gone. */
function streamRange(file: FileHandle, range: { start: number; end: number }): ReadableStream<Uint8Array> {
  const { end } = range
  let position = range.start
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const piece = new Uint8Array(Math.min(ANSWERED_BYTES, end - position))
          const { bytesRead } = await file.read(piece, 0, piece.byteLength, position)
          if (bytesRead === 0) throw new Error('the file became shorter while it was read')
          position += bytesRead
          controller.enqueue(piece.subarray(0, bytesRead))
          if (position < end) return
          await file.close()
          controller.close()
        } catch (error) {
          await file.close()
          throw error
        }
      },
      cancel: () => file.close(),
    },
    { highWaterMark: 0 },
  )
}

export function refuseRequest(status: 403 | 404 | 405 | 416 | 500, headers: Record<string, string> = {}): Response {
  const text = {
    403: 'Forbidden',
    404: 'Not Found',
    405: 'Method Not Allowed',
    416: 'Range Not Satisfiable',
    500: 'Internal Server Error',
  }[status]
  return new Response(text, {
    status,
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      ...headers,
    },
  })
}

function decodePath(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

/** In constant time. */
function isEqual(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.byteLength === b.byteLength && timingSafeEqual(a, b)
}
