import { createHmac } from 'node:crypto'
import { describeHost, describeScheme, describeSecret, describeValue } from '../errors/describe.js'
import { type KnownSecrets, removeKnownSecrets } from '../errors/known-secrets.js'
import { reduceToName } from '../errors/thrown.js'
import { DownloadFailedError, HostRefusedError, InvalidOptionError, WhatsAppMediaError } from '../errors.js'
import { type HttpClient, type HttpResponse, sendRequest } from '../http/client.js'
import { checkMediaId } from '../media-reference.js'
import type { Deadlines } from '../timing/deadlines.js'
import { LOOK_UP_QUERY, type MediaInfo, parseMediaInfo } from './answers.js'
import { toGraphError } from './graph-error.js'

/** Where Meta's API is, and who may get the access token. */
export interface CloudApiOptions {
  /** Origin (and path, for some providers) of the Graph API. Default `https://graph.facebook.com`. */
  baseUrl?: string
  /** Graph API version. Default `v25.0`. Empty for providers whose paths have none. */
  version?: string
  /**
   * Hosts that media URLs may lead to; only these and `baseUrl` ever get the token. Exact names, suffixes with a
   * leading dot (`.fbsbx.com`), or, for tests, whole origins (`http://127.0.0.1:4010`). Default `lookaside.fbsbx.com`.
   */
  mediaHosts?: readonly string[]
  /** The headers that carry the token. Default `{ authorization: 'Bearer ' + accessToken }`; 360dialog wants `D360-API-KEY`. */
  authorization?: (accessToken: string) => Record<string, string>
  /**
   * Asks Meta to answer only for media of the reference's own phone number id, as a guard between tenants. Default
   * false: for received media Meta does not document it (Meta: Media).
   */
  guardPhoneNumber?: boolean
}

/** The configured Cloud API, checked. */
export interface CloudApi {
  /** The look-up URL of a media id. With an app secret it carries the token's proof: never show its query. */
  lookUpUrl(mediaId: string, caller: LookUpCaller): string
  authorization(accessToken: string): Record<string, string>
  /**
   * @param secrets what the URL's host must not show of, should it be refused.
   * @throws HostRefusedError unless the URL is https to a configured host, or a configured origin.
   */
  checkMediaUrl(url: string, secrets?: KnownSecrets): URL
}

/** Who looks up. */
export interface LookUpCaller {
  accessToken: string
  appSecret?: string | undefined
  /** Of the message that brought the media id. */
  phoneNumberId?: string | undefined
}

/** Meta's hosts answered requests without a User-Agent, or with some runtimes' default, with an error page. */
const USER_AGENT = 'whatsapp-media-archive/0.1'

/** What every request says. Encoded bodies would make Content-Length and hash meaningless. */
export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'user-agent': USER_AGENT,
  'accept-encoding': 'identity',
  accept: '*/*',
}

/** Bytes of a look-up's answer; real ones have under 1 KB. */
const MAX_ANSWER_BYTES = 65_536

/** @throws InvalidOptionError for a base URL, version or media host of the wrong form. */
export function resolveCloudApi(options: CloudApiOptions = {}): CloudApi {
  const {
    baseUrl = 'https://graph.facebook.com',
    version = 'v25.0',
    mediaHosts = ['lookaside.fbsbx.com'],
    authorization = (accessToken) => ({ authorization: `Bearer ${accessToken}` }),
    guardPhoneNumber = false,
  } = options
  const base = parseOrigin('cloudApi.baseUrl', baseUrl)
  if (!/^(?:v\d{1,3}\.\d{1,2})?$/.test(version)) {
    throw new InvalidOptionError({
      option: 'cloudApi.version',
      problem: `must look like v25.0, got ${describeValue(version)}`,
    })
  }
  if (!Array.isArray(mediaHosts)) {
    throw new InvalidOptionError({
      option: 'cloudApi.mediaHosts',
      problem: `must be a list, got ${describeValue(mediaHosts)}`,
    })
  }
  if (typeof authorization !== 'function') {
    throw new InvalidOptionError({
      option: 'cloudApi.authorization',
      problem: `must be a function, got ${describeSecret(authorization)}`,
    })
  }
  const isAllowed = mediaHosts.map(mediaHostRule)
  const root = `${base.origin}${base.pathname.replace(/\/$/, '')}${version === '' ? '' : `/${version}`}`
  return {
    lookUpUrl(mediaId, { accessToken, appSecret, phoneNumberId }) {
      checkMediaId(mediaId)
      // encodeURIComponent keeps dots, and `..` would ask for another path.
      if (/^\.+$/.test(mediaId))
        throw new InvalidOptionError({ option: 'mediaId', problem: `must not be ${describeValue(mediaId)}` })
      const url = new URL(`${root}/${encodeURIComponent(mediaId)}`)
      // Meta: Secure Graph API calls. Apps that require it refuse calls without.
      if (appSecret !== undefined) {
        url.searchParams.set(LOOK_UP_QUERY.proof, createHmac('sha256', appSecret).update(accessToken).digest('hex'))
      }
      if (guardPhoneNumber && phoneNumberId !== undefined)
        url.searchParams.set(LOOK_UP_QUERY.phoneNumberId, phoneNumberId)
      return url.href
    },
    authorization,
    checkMediaUrl(text, secrets = []) {
      const url = parseUrl(text)
      if (url === undefined) throw new HostRefusedError({ host: 'an unreadable URL', problem: 'it is no absolute URL' })
      const hasUser = url.username !== '' || url.password !== ''
      if (!hasUser && isAllowed.some((allows) => allows(url))) return url
      // Whoever made the URL may have put anything in the place of host and scheme.
      const host = removeKnownSecrets(describeHost(url.host), secrets)
      const scheme = describeScheme(url.protocol)
      throw new HostRefusedError(
        hasUser
          ? { host, problem: 'the URL carries user information' }
          : { host: host || scheme, problem: `${scheme}//${host} is not among cloudApi.mediaHosts` },
      )
    },
  }
}

/**
 * Asks Meta where a media id's bytes are: `GET /{version}/{media-id}` (Meta: Media). The URL in the answer lives 5 minutes.
 *
 * @throws AccessTokenError, MediaGoneError or GraphApiError by Graph's error code; DownloadFailedError when no usable
 * answer came.
 */
export async function lookUpMedia(
  mediaId: string,
  context: Omit<LookUpCaller, 'phoneNumberId'> & {
    cloudApi: CloudApi
    http: HttpClient
    deadlines: Deadlines
    /** The file's name, if known: no error may repeat it. */
    filename?: string | undefined
  },
  { phoneNumberId }: Pick<LookUpCaller, 'phoneNumberId'> = {},
): Promise<MediaInfo> {
  const { cloudApi, http, accessToken, appSecret, deadlines } = context
  const url = cloudApi.lookUpUrl(mediaId, { accessToken, appSecret, phoneNumberId })
  const failed = (problem: string, cause?: unknown): DownloadFailedError =>
    new DownloadFailedError({ host: new URL(url).host, problem, phase: 'look-up', cause })
  deadlines.waitFor('headers')
  const response = await sendRequest(
    http,
    () => ({
      method: 'GET',
      url,
      headers: { ...COMMON_HEADERS, ...cloudApi.authorization(accessToken) },
      signal: deadlines.signal,
    }),
    { phase: 'look-up' },
  ).catch((error: unknown) => {
    throw ownOr(error, () => failed('no answer', reduceToName(error)))
  })
  const text = await readText(response, deadlines).catch((error: unknown) => {
    throw ownOr(error, () => failed('the answer broke off', reduceToName(error)))
  })
  if (response.status !== 200) {
    const proof = new URL(url).searchParams.get(LOOK_UP_QUERY.proof)
    const secrets = [accessToken, appSecret, context.filename, proof]
    throw toGraphError({ ...response, text, secrets }, mediaId)
  }
  const info = parseMediaInfo(readJson(text))
  if (info === undefined) throw failed('the answer is no media information')
  return info
}

/** Errors of this library's own, a deadline's say, tell more than any other could. */
function ownOr(error: unknown, other: () => Error): unknown {
  return WhatsAppMediaError.is(error) ? error : other()
}

/** By events: the body's own iterator costs more than all the rest of a look-up. */
function readText({ body }: HttpResponse, deadlines: Deadlines): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = []
    let bytes = 0
    const done = (): void => resolve(Buffer.concat(parts).toString('utf8'))
    const fail = (error: unknown): void => {
      reject(error)
      body.destroy()
    }
    const close = (): void => {
      if (!body.readableEnded) reject(body.errored ?? new Error('the answer closed before its end'))
    }
    const take = (part: unknown): void => {
      deadlines.waitFor('source')
      const buffer = toBytes(part)
      bytes += buffer?.byteLength ?? 0
      if (buffer === undefined) fail(new Error('the answer is made of neither bytes nor text'))
      else if (bytes <= MAX_ANSWER_BYTES) parts.push(buffer)
      else {
        // An endless answer ends here.
        done()
        body.off('data', take).destroy()
      }
    }
    // One that was paused before would not flow by itself.
    body.on('data', take).once('end', done).on('error', fail).once('close', close).resume()
    if (body.readableEnded) done()
    else if (body.destroyed) close()
  })
}

/** A client of the user's own may stream text, and what else bytes are kept in. */
function toBytes(part: unknown): Uint8Array | undefined {
  if (part instanceof Uint8Array) return part
  if (part instanceof ArrayBuffer) return new Uint8Array(part)
  return typeof part === 'string' ? Buffer.from(part) : undefined
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Parsed once: `URL.canParse` beforehand would parse it twice. */
function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|\[::1\])$/

/** Plain http is for loopback addresses that stand in the configuration; nothing from outside can name one. */
function parseOrigin(option: string, text: string): URL {
  const url = typeof text === 'string' ? parseUrl(text) : undefined
  const isSafe =
    url !== undefined && (url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname)))
  if (!isSafe || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new InvalidOptionError({
      option,
      problem: `must be an https URL without user or query (http for loopback), got ${describeValue(text)}`,
    })
  }
  return url
}

function mediaHostRule(entry: string): (url: URL) => boolean {
  if (typeof entry === 'string' && entry.includes('://')) {
    const { origin, protocol } = parseOrigin('cloudApi.mediaHosts', entry)
    // `blob:` URLs have the origin of the URL inside.
    return (url) => url.origin === origin && url.protocol === protocol
  }
  if (typeof entry !== 'string' || !/^\.?(?!-)[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i.test(entry) || /^[\d.]+$/.test(entry)) {
    throw new InvalidOptionError({
      option: 'cloudApi.mediaHosts',
      problem: `must hold host names, '.suffixes' or origins, got ${describeValue(entry)}`,
    })
  }
  const host = entry.toLowerCase()
  // The leading dot makes the label boundary: `.fbsbx.com` never matches `evilfbsbx.com`. An odd port is another origin.
  return (url) =>
    url.protocol === 'https:' &&
    url.port === '' &&
    (host.startsWith('.') ? url.hostname.length > host.length && url.hostname.endsWith(host) : url.hostname === host)
}
