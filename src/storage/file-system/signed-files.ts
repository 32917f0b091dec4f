import { createHmac, timingSafeEqual } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { describeSecret, describeValue } from '../../errors/describe.js'
import { InvalidOptionError } from '../../errors.js'
import type { SignedUrlOptions } from '../../storage.js'

/** An open file with an object in it. Whoever gets it closes `file`. */
export interface OpenFile {
  file: FileHandle
  /** Bytes. */
  size: number
  modified: Date
  /** Lowercase hex, when it was recorded. */
  sha256?: string | undefined
}

/** Signs URLs of files, and answers them. */
export interface FileSigner {
  /** @throws InvalidOptionError for an expiry, content type or disposition that no answer could have. */
  sign(key: string, options: SignedUrlOptions): { url: string; expiresAt: Date }
  /** Never rejects. */
  serve(request: Request): Promise<Response>
}

const MIN_SECRET_LENGTH = 16
/** The same as for S3 (AWS: Signature Version 4 query parameters, X-Amz-Expires). */
const MAX_EXPIRES_IN = 604_800
const PIECE_BYTES = 65_536

/**
 * Signed URLs of the form `{baseUrl}/{key}?expires=…&type=…&disposition=…&signature=…`: `expires` in milliseconds since
 * 1970, `signature` an HMAC-SHA256 over key, expiry, content type and disposition.
 *
 * @throws InvalidOptionError for a secret of fewer than 16 characters.
 */
export function createFileSigner(options: {
  /** As `checkBaseUrl` returns it. */
  baseUrl: string
  secret: string
  open: (key: string) => Promise<OpenFile | null>
}): FileSigner {
  const { baseUrl, secret, open } = options
  if (typeof secret !== 'string' || secret.length < MIN_SECRET_LENGTH) {
    throw new InvalidOptionError({
      option: 'secret',
      problem: `must be a string of at least ${MIN_SECRET_LENGTH} characters, got ${describeSecret(secret)}`,
    })
  }
  const { pathname: basePath } = new URL(`${baseUrl}/`)

  // As JSON: with plain separators one could move characters from one field to the next.
  const signatureOf = (...fields: readonly string[]): string =>
    createHmac('sha256', secret).update(JSON.stringify(fields)).digest('base64url')

  /** What a request may have, or `undefined` unless it bears our signature and is in time. */
  function verify(url: URL): { key: string; expires: number; type: string; disposition: string } | undefined {
    const key = url.pathname.startsWith(basePath) ? decode(url.pathname.slice(basePath.length)) : undefined
    const field = (name: string): string => url.searchParams.get(name) ?? ''
    const [expires, type, disposition] = [field('expires'), field('type'), field('disposition')]
    if (key === undefined || !areEqual(field('signature'), signatureOf(key, expires, type, disposition)))
      return undefined
    return Number(expires) > Date.now() ? { key, expires: Number(expires), type, disposition } : undefined
  }

  async function serve(request: Request): Promise<Response> {
    if (request.method !== 'GET' && request.method !== 'HEAD') return refusal(405, { allow: 'GET, HEAD' })
    const granted = verify(new URL(request.url))
    if (granted === undefined) return refusal(403)
    const { key, expires, type, disposition } = granted
    try {
      const opened = await open(key)
      if (opened === null) return refusal(404)
      return await answer(request, opened, {
        'content-type': type,
        'content-disposition': disposition,
        'cache-control': `private, max-age=${Math.floor((expires - Date.now()) / 1_000)}`,
      })
    } catch {
      // The caller's server would show its visitors the error, or die of it.
      return refusal(500)
    }
  }

  return {
    sign(key, { expiresIn, contentType, contentDisposition, signedAt = new Date() }) {
      if (!Number.isInteger(expiresIn) || expiresIn < 1 || expiresIn > MAX_EXPIRES_IN) {
        throw new InvalidOptionError({
          option: 'expiresIn',
          problem: `must be a whole number of seconds from 1 to ${MAX_EXPIRES_IN}, got ${describeValue(expiresIn)}`,
        })
      }
      checkHeader('contentType', contentType)
      checkHeader('contentDisposition', contentDisposition)
      const expiresAt = new Date(signedAt.getTime() + expiresIn * 1_000)
      const expires = String(expiresAt.getTime())
      const query = new URLSearchParams({
        expires,
        type: contentType,
        disposition: contentDisposition,
        signature: signatureOf(key, expires, contentType, contentDisposition),
      })
      return { url: `${objectUrl(baseUrl, key)}?${query}`, expiresAt }
    },
    serve,
  }
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

export function objectUrl(baseUrl: string, key: string): string {
  return `${baseUrl}/${key.split('/').map(encodeURIComponent).join('/')}`
}

async function answer(
  request: Request,
  opened: OpenFile,
  granted: Record<'content-type' | 'content-disposition' | 'cache-control', string>,
): Promise<Response> {
  const { file, size, modified, sha256 } = opened
  const headers = new Headers({
    ...granted,
    'accept-ranges': 'bytes',
    'last-modified': modified.toUTCString(),
    // A stranger sent these bytes: the browser must not guess a type, and must run nothing in them.
    'x-content-type-options': 'nosniff',
    'content-security-policy': policyFor(granted['content-type']),
  })
  if (sha256 !== undefined) headers.set('etag', `"${sha256}"`)
  const range = rangeOf(request, { size, etag: headers.get('etag') })
  if (range === 'unsatisfiable') {
    await file.close()
    return refusal(416, { 'content-range': `bytes */${size}` })
  }
  const { start, end } = range ?? { start: 0, end: size }
  headers.set('content-length', String(end - start))
  if (range !== undefined) headers.set('content-range', `bytes ${start}-${end - 1}/${size}`)
  const status = range === undefined ? 200 : 206
  if (request.method === 'HEAD' || start === end) {
    await file.close()
    return new Response(null, { status, headers })
  }
  return new Response(readRange(file, { start, end }), { status, headers })
}

/**
 * No scripts, no requests, no origin. Sound and video in a tab of their own are the exception: there, browsers make a
 * page that asks for the same URL once more, which takes an origin and the permission. Scripts stay off.
 */
function policyFor(contentType: string): string {
  return /^(?:audio|video)\//.test(contentType)
    ? "sandbox allow-same-origin; default-src 'none'; media-src 'self'"
    : "sandbox; default-src 'none'"
}

/**
 * The one range that is asked for, `end` exclusive; `undefined` for the whole. Several ranges get the whole, which
 * RFC 9110 (section 14.2) allows.
 */
function rangeOf(
  request: Request,
  file: { size: number; etag: string | null },
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const condition = request.headers.get('if-range')
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.get('range') ?? '') ?? []
  if (request.method === 'HEAD' || first === undefined || last === undefined || first + last === '') return undefined
  if (condition !== null && condition !== file.etag) return undefined
  const start = first === '' ? Math.max(0, file.size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? file.size : Math.min(file.size, Number(last) + 1)
  if (first !== '' && last !== '' && Number(last) < start) return undefined
  return start < end ? { start, end } : 'unsatisfiable'
}

/** Reads only when asked for more, one piece at a time, and closes the file at the end, on an error, and when the client has gone. */
function readRange(file: FileHandle, range: { start: number; end: number }): ReadableStream<Uint8Array> {
  const { end } = range
  let position = range.start
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const piece = new Uint8Array(Math.min(PIECE_BYTES, end - position))
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

export function refusal(status: 403 | 404 | 405 | 416 | 500, headers: Record<string, string> = {}): Response {
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

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

/** In constant time. */
function areEqual(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.byteLength === b.byteLength && timingSafeEqual(a, b)
}

function checkHeader(option: string, value: string): void {
  if (typeof value !== 'string' || !/^[\x20-\x7e]+$/.test(value)) {
    throw new InvalidOptionError({ option, problem: `must be printable ASCII, got ${describeSecret(value)}` })
  }
}
