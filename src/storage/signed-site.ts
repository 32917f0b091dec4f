import { createHmac, timingSafeEqual } from 'node:crypto'
import { describeSecret } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { checkSignedUrlOptions, type ObjectStorage, type SignedUrlOptions } from '../storage.js'
import { findUnmetCondition } from './signed-site/conditions.js'
import { parseRange } from './signed-site/range.js'

/** An object as a site answers with it. Either `read` or `close` is called, once. */
export interface ServedObject {
  /** Bytes. */
  size: number
  /** When it was written. */
  modified: Date
  /** Lowercase hex. Absent: unknown, and the answer has no ETag. */
  sha256?: string | undefined
  /** The bytes from `start` to before `end`. The stream closes the object when it ends, fails or is cancelled. */
  read(start: number, end: number): ReadableStream<Uint8Array>
  /** Lets go of an object that is not read. */
  close(): Promise<void>
}

/** The web site of a storage that has no server of its own: it signs URLs of objects, and answers them. */
export interface SignedSite extends Pick<ObjectStorage, 'signedUrl'> {
  /** The object's URL without a signature; undefined without a base URL. */
  findAddress(key: string): string | undefined
  /** Never rejects. */
  handler(request: Request): Promise<Response>
}

/** The settings of a site, and the objects that it shows. */
export interface SignedSiteOptions {
  /** Where `handler` is served. */
  baseUrl: string | undefined
  /** Signs the URLs; of several, the first one does, and all are accepted. It goes with `baseUrl`: without both, every URL is refused. */
  secret: string | readonly string[] | undefined
  /** The key, if it may be one. @throws InvalidOptionError */
  checkKey(key: string): string
  /** Null when there is no such object. */
  open(key: string): Promise<ServedObject | null>
}

const MIN_SECRET_LENGTH = 16
const MISSING_SECRET = `is needed with baseUrl, to sign its URLs: give a string of at least ${MIN_SECRET_LENGTH} characters, got undefined`

/**
 * Signed URLs of the form `{baseUrl}/{key}?expires=…&type=…&disposition=…&signature=…`: `expires` in milliseconds since
 * 1970, `signature` an HMAC-SHA256 over key, expiry, content type and disposition.
 *
 * @throws InvalidOptionError for a base URL that is no plain http(s) URL, for a secret of fewer than 16 characters or an
 * empty list of them, and for one of the two without the other. `signedUrl`: for an expiry, content type or disposition that no answer could have.
 */
export function createSignedSite(options: SignedSiteOptions): SignedSite {
  const { secret, checkKey, open } = options
  const baseUrl = options.baseUrl === undefined ? undefined : checkBaseUrl(options.baseUrl)
  const findAddress: SignedSite['findAddress'] = (key) =>
    baseUrl === undefined ? undefined : buildObjectUrl(baseUrl, key)
  if (secret === undefined) {
    // An environment variable that was forgotten would show at the first URL only.
    if (baseUrl !== undefined) throw new InvalidOptionError({ option: 'secret', problem: MISSING_SECRET })
    return { findAddress, handler: async () => refuseRequest(403) }
  }
  const secrets = checkSigningSecrets(secret)
  if (baseUrl === undefined) throw new InvalidOptionError({ option: 'baseUrl', problem: 'is needed with secret' })
  const { pathname: basePath } = new URL(`${baseUrl}/`)
  return {
    findAddress,
    signedUrl: async (key, signing) => signObject(checkKey(key), { ...signing, baseUrl, secret: secrets[0] }),
    async handler(request) {
      if (request.method !== 'GET' && request.method !== 'HEAD') return refuseRequest(405, { allow: 'GET, HEAD' })
      const grant = findGrant(new URL(request.url), { basePath, secrets })
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

function signObject(
  key: string,
  { baseUrl, secret, ...signing }: SignedUrlOptions & { baseUrl: string; secret: string },
): { url: string; expiresAt: Date } {
  checkSignedUrlOptions(signing)
  const { expiresIn, contentType: type, contentDisposition: disposition, signedAt = new Date() } = signing
  const expiresAt = new Date(signedAt.getTime() + expiresIn * 1_000)
  const expires = String(expiresAt.getTime())
  const signature = computeSignature(secret, { key, expires, type, disposition })
  const query = new URLSearchParams({ expires, type, disposition, signature })
  return { url: `${buildObjectUrl(baseUrl, key)}?${query}`, expiresAt }
}

function checkSigningSecrets(secret: unknown): readonly [string, ...string[]] {
  const [first, ...others]: unknown[] = Array.isArray(secret) ? secret : [secret]
  return [checkSigningSecret(first), ...others.map(checkSigningSecret)]
}

function checkSigningSecret(secret: unknown): string {
  if (typeof secret === 'string' && secret.length >= MIN_SECRET_LENGTH) return secret
  throw new InvalidOptionError({
    option: 'secret',
    problem: `must be a string of at least ${MIN_SECRET_LENGTH} characters, or a list of them, got ${describeSecret(secret)}`,
  })
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

/** The grant of a URL that bears our signature, by one of the secrets, and is in time. */
function findGrant(
  url: URL,
  { basePath, secrets }: { basePath: string; secrets: readonly string[] },
): Grant | undefined {
  const key = url.pathname.startsWith(basePath) ? decodePath(url.pathname.slice(basePath.length)) : undefined
  if (key === undefined) return undefined
  const read = (name: string): string => url.searchParams.get(name) ?? ''
  const grant = { key, expires: read('expires'), type: read('type'), disposition: read('disposition') }
  const signature = read('signature')
  const isOurs = secrets.some((secret) => isEqual(signature, computeSignature(secret, grant)))
  return isOurs && Number(grant.expires) > Date.now() ? grant : undefined
}

/**
 * The base URL without trailing slashes.
 *
 * @throws InvalidOptionError unless it is an http(s) URL without credentials, query and fragment.
 */
function checkBaseUrl(baseUrl: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (url === undefined || !/^https?:\/\/[^/?#@]+(?:\/[^?#]*)?$/.test(url.href)) {
    const problem = `must be an http(s) URL without credentials, query and fragment, got ${describeSecret(baseUrl)}`
    throw new InvalidOptionError({ option: 'baseUrl', problem })
  }
  return url.href.replace(/\/+$/, '')
}

function buildObjectUrl(baseUrl: string, key: string): string {
  return `${baseUrl}/${encodeKey(key)}`
}

/** A key as the path of a URL. */
export function encodeKey(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/')
}

async function answerRequest(request: Request, opened: ServedObject, grant: Grant): Promise<Response> {
  const { size, modified, sha256 } = opened
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
  const etag = sha256 === undefined ? null : `"${sha256}"`
  if (etag !== null) headers.set('etag', etag)
  const unmet = findUnmetCondition(request.headers, { etag, modified })
  if (unmet !== undefined) {
    await opened.close()
    return unmet === 304 ? new Response(null, { status: 304, headers }) : refuseRequest(412)
  }
  const range = parseRange(request, { size, etag, modified })
  if (range.kind === 'unsatisfiable') {
    await opened.close()
    return refuseRequest(416, { 'content-range': `bytes */${size}` })
  }
  const { start, end } = range
  headers.set('content-length', String(end - start))
  if (range.kind === 'part') headers.set('content-range', `bytes ${start}-${end - 1}/${size}`)
  const status = range.kind === 'part' ? 206 : 200
  if (request.method === 'HEAD' || start === end) {
    await opened.close()
    return new Response(null, { status, headers })
  }
  return new Response(opened.read(start, end), { status, headers })
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

function refuseRequest(status: 403 | 404 | 405 | 412 | 416 | 500, headers: Record<string, string> = {}): Response {
  const text = {
    403: 'Forbidden',
    404: 'Not Found',
    405: 'Method Not Allowed',
    412: 'Precondition Failed',
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
