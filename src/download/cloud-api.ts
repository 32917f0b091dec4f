import { createHmac } from 'node:crypto'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkFlag } from '../errors/checks.js'
import { describeHost, describeScheme, describeSecret, describeValue } from '../errors/describe.js'
import { type KnownSecrets, removeKnownSecrets } from '../errors/known-secrets.js'
import { HostRefusedError, InvalidOptionError } from '../errors.js'
import { checkMediaId } from '../media-reference.js'
import { LOOK_UP_QUERY } from './answers.js'

/** The address of Meta's API, and the hosts that may get the access token. */
export interface CloudApiOptions {
  /** Origin (and path, for some providers) of the Graph API. Default `https://graph.facebook.com`. */
  baseUrl?: string | undefined
  /** Graph API version. Default `v25.0`. Empty for providers whose paths have none. */
  version?: string | undefined
  /**
   * Hosts that media URLs may lead to; only these and `baseUrl` ever get the token. Exact names, suffixes with a
   * leading dot (`.fbsbx.com`), or, for tests, whole origins (`http://127.0.0.1:4010`). Default `lookaside.fbsbx.com`.
   */
  mediaHosts?: readonly string[] | undefined
  /**
   * The only hosts that the encrypted files of Flow endpoints are fetched from, in the forms of `mediaHosts`, and always
   * without the token. Default `mmg.whatsapp.net` (Meta: Flows, Media upload).
   */
  flowMediaHosts?: readonly string[] | undefined
  /** The headers that carry the token. Default `{ authorization: 'Bearer ' + accessToken }`; 360dialog wants `D360-API-KEY`. */
  authorization?: ((accessToken: string) => Record<string, string>) | undefined
  /**
   * Asks Meta to answer only for media of the reference's own phone number id, as a guard between tenants. Default
   * false: for received media Meta does not document it (Meta: Media).
   */
  guardPhoneNumber?: boolean | undefined
}

const CLOUD_API_OPTIONS: OptionNames<CloudApiOptions> = {
  ...{ baseUrl: true, version: true, mediaHosts: true, flowMediaHosts: true, authorization: true },
  guardPhoneNumber: true,
}

/** The configured Cloud API, checked. */
export interface CloudApi {
  /** The look-up URL of a media id. With an app secret it carries the token's proof: never show its query. */
  buildLookUpUrl(mediaId: string, caller: GraphCaller): string
  /**
   * The URL of a path below the API's root, such as `{phone number id}/media`. It carries the proof as a look-up's does,
   * and asks with `phoneNumberId`, where there is one, for that number alone.
   */
  buildNodeUrl(path: string, caller: GraphCaller): string
  /** The headers that carry the token. */
  buildAuthorization(accessToken: string): Record<string, string>
  checkMediaUrl: UrlCheck
  /** As `checkMediaUrl`, for the hosts of encrypted Flow files. */
  checkFlowUrl: UrlCheck
}

/**
 * @param options `secrets`: texts that the error for a refused URL must not show; `base`: what a relative URL is
 * relative to.
 * @throws HostRefusedError unless the URL is https to a configured host, or a configured origin.
 */
export type UrlCheck = (text: string, options?: { secrets?: KnownSecrets | undefined; base?: URL | undefined }) => URL

/** The token of a call, and the number it is for. */
interface GraphCaller {
  accessToken: string
  appSecret?: string | undefined
  /** The number that the message came through. */
  phoneNumberId?: string | undefined
}

/** Meta's hosts answered requests without a User-Agent, or with some runtimes' default, with an error page. */
const USER_AGENT = 'whatsapp-media-archive/0.1'

/** The headers of every request. Encoded bodies would make Content-Length and hash meaningless. */
export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'user-agent': USER_AGENT,
  'accept-encoding': 'identity',
  accept: '*/*',
}

/** @throws InvalidOptionError for a base URL, version or media host of the wrong form. */
export function resolveCloudApi(options: CloudApiOptions = {}): CloudApi {
  checkOptions(options, CLOUD_API_OPTIONS, { option: 'cloudApi' })
  const {
    baseUrl = 'https://graph.facebook.com',
    version = 'v25.0',
    mediaHosts = ['lookaside.fbsbx.com'],
    flowMediaHosts = ['mmg.whatsapp.net'],
    authorization = (accessToken) => ({ authorization: `Bearer ${accessToken}` }),
    guardPhoneNumber = false,
  } = options
  const base = parseOrigin('cloudApi.baseUrl', baseUrl)
  if (typeof version !== 'string' || !/^(?:v\d{1,3}\.\d{1,2})?$/.test(version)) {
    const problem = `must look like v25.0, got ${describeValue(version)}`
    throw new InvalidOptionError({ option: 'cloudApi.version', problem })
  }
  // `checkFunction` shows the value, and a caller may have passed the token here.
  if (typeof authorization !== 'function') {
    const problem = `must be a function, got ${describeSecret(authorization)}`
    throw new InvalidOptionError({ option: 'cloudApi.authorization', problem })
  }
  checkFlag('cloudApi.guardPhoneNumber', guardPhoneNumber)
  const root = `${base.origin}${base.pathname.replace(/\/$/, '')}${version === '' ? '' : `/${version}`}`
  return {
    buildLookUpUrl: (mediaId, { phoneNumberId, ...caller }) =>
      addCaller(`${root}/${encodeMediaId(mediaId)}`, guardPhoneNumber ? { ...caller, phoneNumberId } : caller),
    buildNodeUrl: (path, caller) => addCaller(`${root}/${path}`, caller),
    buildAuthorization: authorization,
    checkMediaUrl: createUrlCheck('cloudApi.mediaHosts', mediaHosts),
    checkFlowUrl: createUrlCheck('cloudApi.flowMediaHosts', flowMediaHosts),
  }
}

/** @throws InvalidOptionError for hosts of the wrong form. */
function createUrlCheck(option: string, hosts: readonly string[]): UrlCheck {
  if (!Array.isArray(hosts)) {
    throw new InvalidOptionError({ option, problem: `must be a list, got ${describeValue(hosts)}` })
  }
  const hostRules = hosts.map((entry: string) => parseMediaHost(option, entry))
  return (text, { secrets = [], base } = {}) => {
    const url = tryParseUrl(text, base)
    if (url === undefined) throw new HostRefusedError({ host: 'an unreadable URL', problem: 'it is no absolute URL' })
    const hasUser = url.username !== '' || url.password !== ''
    if (!hasUser && hostRules.some((allows) => allows(url))) return url
    throw createHostRefusedError(url, { option, hasUser, secrets })
  }
}

/** A media id as one segment of a path. @throws InvalidOptionError */
export function encodeMediaId(mediaId: string): string {
  checkMediaId(mediaId)
  // encodeURIComponent keeps dots, and `..` would ask for another path.
  if (/^\.+$/.test(mediaId)) {
    throw new InvalidOptionError({ option: 'mediaId', problem: `must not be ${describeValue(mediaId)}` })
  }
  return encodeURIComponent(mediaId)
}

function addCaller(text: string, { accessToken, appSecret, phoneNumberId }: GraphCaller): string {
  const url = new URL(text)
  // Meta: Secure Graph API calls. Apps that require it refuse calls without.
  if (appSecret !== undefined) {
    url.searchParams.set(LOOK_UP_QUERY.proof, createHmac('sha256', appSecret).update(accessToken).digest('hex'))
  }
  if (phoneNumberId !== undefined) url.searchParams.set(LOOK_UP_QUERY.phoneNumberId, phoneNumberId)
  return url.href
}

/** Builds the error for a refused URL. A forged URL may hold anything in the place of host and scheme. */
function createHostRefusedError(
  url: URL,
  { option, hasUser, secrets }: { option: string; hasUser: boolean; secrets: KnownSecrets },
): HostRefusedError {
  const host = removeKnownSecrets(describeHost(url.host), secrets)
  if (hasUser) return new HostRefusedError({ host, problem: 'the URL carries user information' })
  const scheme = describeScheme(url.protocol)
  const problem = `${scheme}//${host} is not among ${option}`
  return new HostRefusedError({ host: host || scheme, problem })
}

/** Parses a URL once: `URL.canParse` beforehand would parse it twice. */
function tryParseUrl(text: string, base?: URL): URL | undefined {
  try {
    return new URL(text, base)
  } catch {
    return undefined
  }
}

/** True when no real API can be at the base URL: on the loopback, or below `.test` (RFC 2606, section 2). */
export function isTestApi({ baseUrl }: CloudApiOptions = {}): boolean {
  const { hostname = '' } = (baseUrl === undefined ? undefined : tryParseUrl(baseUrl)) ?? {}
  return LOOPBACK.test(hostname) || hostname.endsWith('.test')
}

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|\[::1\])$/

/** Plain http is for loopback addresses that stand in the configuration; nothing from outside can name one. */
function parseOrigin(option: string, text: string): URL {
  const url = typeof text === 'string' ? tryParseUrl(text) : undefined
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

/** @returns the rule for one entry of a list of hosts. */
function parseMediaHost(option: string, entry: string): (url: URL) => boolean {
  if (typeof entry === 'string' && entry.includes('://')) {
    const { origin, protocol } = parseOrigin(option, entry)
    // `blob:` URLs have the origin of the URL inside.
    return (url) => url.origin === origin && url.protocol === protocol
  }
  if (typeof entry !== 'string' || !/^\.?(?!-)[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i.test(entry) || /^[\d.]+$/.test(entry)) {
    throw new InvalidOptionError({
      option,
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
