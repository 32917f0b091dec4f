import { createHash, timingSafeEqual } from 'node:crypto'
import { describeSecret } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'

/*
 * Meta's handshake. A refusal says what came and what was expected, and never shows a token.
 */

/** Meta's are numbers (Meta: Graph API webhooks, "Verification requests"); anything that could be markup is refused. */
const CHALLENGE = /^[\w-]{1,256}$/

/** What a handshake is compared with. */
export interface HandshakeSettings {
  verifyToken: string
  appSecret: readonly string[]
}

/** How a handshake ends. */
export type HandshakeOutcome =
  | { outcome: 'challenged'; challenge: string }
  | { outcome: 'rejected'; reason: 'handshake'; error: InvalidOptionError }

/** Answers the challenge of a handshake with the right token. */
export function shakeHands(query: string, settings: HandshakeSettings): HandshakeOutcome {
  const asked = new URLSearchParams(query)
  const problem = findHandshakeProblem(asked, settings)
  if (problem === undefined) return { outcome: 'challenged', challenge: String(asked.get('hub.challenge')) }
  return { outcome: 'rejected', reason: 'handshake', error: new InvalidOptionError(problem) }
}

const QUERY_NAMES = ['hub.mode', 'hub.verify_token', 'hub.challenge'] as const

function findHandshakeProblem(
  asked: URLSearchParams,
  settings: HandshakeSettings,
): { option: string; problem: string } | undefined {
  const given = [...asked.keys()]
  if (given.length === 0) {
    const problem = `must have ${QUERY_NAMES.join(', ')}, got none: a browser that opens the URL, or a proxy that drops the query`
    return { option: 'request.query', problem }
  }
  for (const name of QUERY_NAMES) {
    const [value, ...others] = asked.getAll(name)
    const option = `request.query's ${name}`
    if (value === undefined) return { option, problem: `is missing, ${describeLookalike(name, given)}` }
    if (others.length > 0) return { option, problem: `must come once, got it ${1 + others.length} times` }
    const problem = PROBLEMS[name](value, settings)
    if (problem !== undefined) return { option, problem }
  }
  return undefined
}

/** PHP and some gateways write `hub_mode`, some parsers `hub[mode]`. */
function describeLookalike(name: string, given: readonly string[]): string {
  const reduce = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '')
  const lookalike = given.find((each) => reduce(each) === reduce(name))
  if (lookalike === undefined) return `got ${given.length} other ${given.length === 1 ? 'name' : 'names'}`
  // Anybody may ask, and name what they like: a line end would begin another line of the log.
  const shown = /^[\w.[\]-]{1,40}$/.test(lookalike) ? lookalike : describeSecret(lookalike)
  return `got ${shown}: a proxy or an adapter has rewritten the names of the query`
}

const PROBLEMS: Readonly<
  Record<(typeof QUERY_NAMES)[number], (value: string, settings: HandshakeSettings) => string | undefined>
> = {
  'hub.mode': (mode) => (mode === 'subscribe' ? undefined : `must be 'subscribe', got ${describeSecret(mode)}`),
  'hub.verify_token': (token, settings) =>
    isSameSecret(token, settings.verifyToken) ? undefined : describeTokenProblem(token, settings),
  'hub.challenge': (challenge) =>
    CHALLENGE.test(challenge)
      ? undefined
      : `must be at most 256 letters, digits, underscores and hyphens, got ${describeSecret(challenge)}`,
}

/** How a token may differ from what was meant: each reading is compared as secrets are, by its hash. */
function describeTokenProblem(token: string, { verifyToken, appSecret }: HandshakeSettings): string {
  const isSame = (read: (text: string) => string): boolean => isSameSecret(read(token), read(verifyToken))
  const both = `the token of the App Dashboard (${describeSecret(token)}) and verifyToken (${describeSecret(verifyToken)})`
  if (isSame((text) => text.trim())) return `differs in white space or a line end around it alone: compare ${both}`
  if (isSame((text) => text.toLowerCase())) return 'differs from verifyToken in upper and lower case alone'
  if (isSame(unquote)) return `differs in quotes or white space around it alone: compare ${both}`
  if (isSame(decodePlus))
    return 'differs from verifyToken in its URL encoding alone: a proxy decoded or encoded it again'
  if (appSecret.some((secret) => isSameSecret(token, secret))) {
    return "is the app secret: the App Dashboard's field for the verify token wants the value of verifyToken"
  }
  if (appSecret.some((secret) => isSameSecret(verifyToken, secret))) {
    return 'does not fit: verifyToken is set to the app secret; set it to the token that you entered beside the URL'
  }
  if (/^EAA\w{20,}$/.test(verifyToken)) {
    return 'does not fit: verifyToken looks like an access token; set it to the token that you entered beside the URL'
  }
  return `does not fit: compare ${both}; another app's webhook, or another environment's variable`
}

function unquote(text: string): string {
  return text.trim().replace(/^(["'])(.*)\1$/, '$2')
}

/** `+` and `%2B` as they read after one decoding more or less. */
function decodePlus(text: string): string {
  try {
    return decodeURIComponent(text).replaceAll('+', ' ')
  } catch {
    return text.replaceAll('+', ' ')
  }
}

/** By their hashes, which have one length: neither the time nor an error shows how much of the token was right. */
function isSameSecret(given: string, expected: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(given), hash(expected))
}
