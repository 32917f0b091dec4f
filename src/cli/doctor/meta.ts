import {
  type GraphErrorBody,
  isProofRefused,
  PERMISSIONS,
  parseGraphError,
  parseTokenInfo,
  TOKEN_LOOK_UP,
  type TokenInfo,
} from '../../download/answers.js'
import { type CloudApi, COMMON_HEADERS } from '../../download/cloud-api.js'
import { type GraphVerdict, judgeGraphError } from '../../download/graph-error.js'
import { parseJson } from '../../json.js'
import type { Refusal } from '../../storage/refusal.js'
import { askUrl, describeRefusal, type FetchOnce } from './ask.js'
import type { Finding } from './finding.js'

interface MetaAccess {
  cloudApi: CloudApi
  accessToken: string
  appSecret: string | undefined
  phoneNumberId: string | undefined
  now: () => number
  timeoutMs: number
  fetch: FetchOnce
}

/** The outcome of one call of the Graph API. */
type GraphOutcome =
  | { kind: 'json'; json: unknown }
  | { kind: 'error'; error: GraphErrorBody; status: number }
  | { kind: 'unreachable'; refusal: Refusal }

const EXPIRY_WARNING_MS = 604_800_000

const NEW_TOKEN =
  `Make a token of a system user (Business settings, Users, System users) that never expires, with the permissions ` +
  `${PERMISSIONS.media} and ${PERMISSIONS.numbers}, and set it`
const SET_TOKEN = 'export WHATSAPP_ACCESS_TOKEN=…'
const APP_SECRET = 'Copy it from the App Dashboard (App settings, Basic, App secret)'
const SET_SECRET = 'export WHATSAPP_APP_SECRET=…'

/** Checks the token, its permissions, the app secret's proof and the phone number id with Meta. */
export async function examineMetaAccess(context: MetaAccess): Promise<Finding[]> {
  const { appSecret } = context
  const first = await askGraph(context, { node: 'me' })
  if (!isProofRefusal(first)) return examineToken(context, first)
  if (appSecret === undefined) {
    return [
      {
        check: 'app secret',
        severity: 'error',
        finding: 'The app requires a proof of its secret with every call, and WHATSAPP_APP_SECRET is not set',
        fix: { advice: APP_SECRET, command: SET_SECRET },
      },
    ]
  }
  const wrong: Finding = {
    check: 'app secret',
    severity: 'error',
    finding:
      'It is not the secret of the app that the token is for: Meta refuses its proof, and webhooks would fail too',
    fix: { advice: APP_SECRET, command: SET_SECRET },
  }
  const withoutProof = { ...context, appSecret: undefined }
  const second = await askGraph(withoutProof, { node: 'me' })
  // An app that requires the proof answers nothing else without it.
  if (isProofRefusal(second)) return [wrong]
  return [...(await examineToken(withoutProof, second)).filter(({ check }) => check !== 'app secret'), wrong]
}

function isProofRefusal(answer: GraphOutcome): boolean {
  return answer.kind === 'error' && isProofRefused(answer.error)
}

/** `first`: the outcome of a call that any valid token may make. */
async function examineToken(context: MetaAccess, first: GraphOutcome): Promise<Finding[]> {
  if (first.kind === 'unreachable') return [describeUnreachable(context, first.refusal)]
  if (first.kind === 'error') return [judgeRejection(first)]
  const debugged = await askGraph(context, {
    node: TOKEN_LOOK_UP.node,
    query: { [TOKEN_LOOK_UP.token]: context.accessToken },
  })
  const info = debugged.kind === 'json' ? parseTokenInfo(debugged.json) : undefined
  if (info?.isValid === false)
    return [judgeRejection({ error: { code: 190, subcode: info.subcode ?? 0 }, status: 200 })]
  return [
    ...(info === undefined ? UNKNOWN_PERMISSIONS : [judgeLifetime(info, context.now()), judgePermissions(info)]),
    judgeAppSecret(context),
    ...(await examinePhoneNumberId(context)),
  ]
}

/** Why Meta ended a token, by the subcode of error 190 (Graph API: Handling errors). */
const ENDED: Readonly<Record<number, string>> = {
  458: 'the app was removed',
  460: 'a password was changed',
  463: 'it has expired',
  467: 'it was revoked',
}

function judgeRejection({ error, status }: { error: GraphErrorBody; status: number }): Finding {
  const { code, subcode } = error
  const codes = [`HTTP ${status}`, ...(code === undefined ? [] : [`code ${code}`])].join(', ')
  const verdict = judgeGraphError(error, status)
  const check = 'access token'
  if (verdict === 'dead-token') {
    return {
      check,
      severity: 'error',
      finding: `Meta rejects it: ${ENDED[subcode ?? 0] ?? `it is not valid (${codes})`}`,
      fix: { advice: NEW_TOKEN, command: SET_TOKEN },
    }
  }
  // Without a code the answer is a proxy's, or no answer of the Graph API at all.
  if (isPassing(verdict) || code === undefined) {
    return {
      check,
      severity: 'warning',
      finding: `Meta could not check it now (${codes})`,
      fix: { advice: 'Look at metastatus.com, and try again later' },
    }
  }
  return {
    check,
    severity: 'error',
    finding: `Meta refuses calls with it (${codes})`,
    fix: { advice: 'Look for that code in Meta’s error codes, and for alerts of the app in the App Dashboard' },
  }
}

function isPassing(verdict: GraphVerdict): boolean {
  return verdict === 'passing' || verdict === 'rate-limit'
}

function describeUnreachable({ cloudApi }: MetaAccess, refusal: Refusal): Finding {
  const { host } = new URL(cloudApi.buildLookUpUrl('me', { accessToken: '' }))
  return {
    check: 'access token',
    severity: 'error',
    finding: `${host} cannot be reached: ${describeRefusal(refusal)}`,
    fix: { advice: 'Allow this machine https requests to it, and to lookaside.fbsbx.com for the media' },
  }
}

function judgeLifetime({ expiresAt, appId }: TokenInfo, now: number): Finding {
  const app = appId === undefined ? '' : `, for app ${appId}`
  const finding = expiresAt === undefined ? `Never expires${app}` : `Expires at ${expiresAt}${app}`
  if (expiresAt === undefined || Date.parse(expiresAt) > now + EXPIRY_WARNING_MS) {
    return { check: 'access token', severity: 'ok', finding }
  }
  return {
    check: 'access token',
    severity: 'warning',
    finding: `${finding}: the tokens that the App Dashboard offers live a day`,
    fix: { advice: NEW_TOKEN, command: SET_TOKEN },
  }
}

function judgePermissions({ permissions }: TokenInfo): Finding {
  const check = 'permissions'
  const missing = [PERMISSIONS.media, PERMISSIONS.numbers].filter((name) => !permissions.includes(name))
  if (missing.length === 0) return { check, severity: 'ok', finding: 'The token may read media and phone numbers' }
  const isMedia = missing.includes(PERMISSIONS.media)
  return {
    check,
    severity: isMedia ? 'error' : 'warning',
    finding: `The token lacks ${missing.join(' and ')}, without which it reads no ${isMedia ? 'media' : 'phone numbers'}`,
    fix: { advice: NEW_TOKEN, command: SET_TOKEN },
  }
}

const UNKNOWN_PERMISSIONS: readonly Finding[] = [
  { check: 'access token', severity: 'ok', finding: 'Meta accepts it' },
  { check: 'permissions', severity: 'note', finding: 'Not checked: Meta does not show this token its permissions' },
]

function judgeAppSecret({ appSecret }: MetaAccess): Finding {
  const check = 'app secret'
  if (appSecret !== undefined) return { check, severity: 'ok', finding: 'Meta accepts its proof' }
  return {
    check,
    severity: 'note',
    finding: 'Not checked: WHATSAPP_APP_SECRET is not set; webhooks cannot be verified without',
    fix: { advice: APP_SECRET, command: SET_SECRET },
  }
}

async function examinePhoneNumberId(context: MetaAccess): Promise<Finding[]> {
  const { phoneNumberId } = context
  if (phoneNumberId === undefined) return []
  const check = 'phone number id'
  // Only the id is asked for: the number itself must not get into a report.
  const answer = await askGraph(context, { node: phoneNumberId })
  if (answer.kind === 'json') return [{ check, severity: 'ok', finding: 'The token may read it' }]
  if (answer.kind === 'unreachable') {
    return [{ check, severity: 'note', finding: `Not checked: ${describeRefusal(answer.refusal)}` }]
  }
  const { status, error } = answer
  const codes = `HTTP ${status}, code ${error.code ?? 'none'}`
  if (isPassing(judgeGraphError(error, status))) return [{ check, severity: 'note', finding: `Not checked: ${codes}` }]
  return [
    {
      check,
      severity: 'error',
      finding: `The token may not read it, or it does not exist (${codes})`,
      fix: {
        advice:
          'Compare it with WhatsApp Manager (Phone numbers; it is not the number itself), and assign the WhatsApp ' +
          'account to the system user of the token (Business settings, System users, Assign assets)',
      },
    },
  ]
}

async function askGraph(
  { cloudApi, accessToken, appSecret, timeoutMs, fetch }: MetaAccess,
  call: { node: string; query?: Record<string, string> | undefined },
): Promise<GraphOutcome> {
  const { node, query = { fields: 'id' } } = call
  const url = new URL(cloudApi.buildLookUpUrl(node, { accessToken, appSecret }))
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  const headers = { ...COMMON_HEADERS, ...cloudApi.buildAuthorization(accessToken) }
  const answer = await askUrl(url.href, { fetch, headers, timeoutMs })
  if (!answer.ok) return { kind: 'unreachable', refusal: answer }
  const { status, bytes } = answer.value
  const json = parseJson(bytes.toString())
  if (status === 200 && json !== undefined) return { kind: 'json', json }
  return { kind: 'error', error: parseGraphError(json) ?? {}, status }
}
