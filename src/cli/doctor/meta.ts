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
import { attempt, get, type Refusal, told } from './ask.js'
import type { Finding } from './finding.js'

interface Context {
  cloudApi: CloudApi
  accessToken: string
  appSecret: string | undefined
  phoneNumberId: string | undefined
  now: () => number
  timeoutMs: number
}

/** What Meta says: yes, with the answer's JSON; no, with the Graph error; or nothing. */
type GraphAnswer = { json: unknown } | { error: GraphErrorBody; status: number } | { nothing: Refusal }

const WEEK_MS = 604_800_000

const NEW_TOKEN =
  `Make a token of a system user (Business settings, Users, System users) that never expires, with the permissions ` +
  `${PERMISSIONS.media} and ${PERMISSIONS.numbers}, and set it`
const SET_TOKEN = 'export WHATSAPP_ACCESS_TOKEN=…'
const APP_SECRET = 'Copy it from the App Dashboard (App settings, Basic, App secret)'
const SET_SECRET = 'export WHATSAPP_APP_SECRET=…'

/** Whether Meta accepts the token, the app secret's proof and the phone number id, and what the token may do. */
export async function checkMeta(context: Context): Promise<Finding[]> {
  const { appSecret } = context
  const first = await ask(context, { node: 'me' })
  if (!('error' in first) || !isProofRefused(first.error)) return checkToken(context, first)
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
  const second = await ask(withoutProof, { node: 'me' })
  // An app that requires the proof tells nothing without.
  if ('error' in second && isProofRefused(second.error)) return [wrong]
  return [...(await checkToken(withoutProof, second)).filter(({ check }) => check !== 'app secret'), wrong]
}

/** `first`: the answer to a call that any live token may make. */
async function checkToken(context: Context, first: GraphAnswer): Promise<Finding[]> {
  if ('nothing' in first) return [unreachable(context, first.nothing)]
  if ('error' in first) return [rejected(first)]
  const debugged = await ask(context, {
    node: TOKEN_LOOK_UP.node,
    query: { [TOKEN_LOOK_UP.token]: context.accessToken },
  })
  const info = 'json' in debugged ? parseTokenInfo(debugged.json) : undefined
  if (info?.isValid === false) return [rejected({ error: { code: 190, subcode: info.subcode ?? 0 }, status: 200 })]
  return [
    ...(info === undefined ? unknownPermissions() : [lifeOf(info, context.now()), judgePermissions(info)]),
    secretFinding(context),
    ...(await checkPhoneNumberId(context)),
  ]
}

/** Why Meta ended a token, by the subcode of error 190 (Graph API: Handling errors). */
const ENDED: Readonly<Record<number, string>> = {
  458: 'the app was removed',
  460: 'a password was changed',
  463: 'it has expired',
  467: 'it was revoked',
}

/** Faults of Meta's, and too many calls (Meta: Error codes; Graph API: Handling errors). */
const PASSING: readonly number[] = [1, 2, 4, 17, 32, 341, 613, 80007, 130429, 131000, 131016, 131056, 131057]

function rejected({ error, status }: { error: GraphErrorBody; status: number }): Finding {
  const { code, subcode } = error
  const codes = [`HTTP ${status}`, ...(code === undefined ? [] : [`code ${code}`])].join(', ')
  const isEnded = code === 190 || code === 102 || code === 0 || status === 401
  if (!isEnded && code !== undefined && !PASSING.includes(code)) {
    return {
      check: 'access token',
      severity: 'error',
      finding: `Meta refuses calls with it (${codes})`,
      fix: { advice: 'Look for that code in Meta’s error codes, and for alerts of the app in the App Dashboard' },
    }
  }
  if (!isEnded) {
    return {
      check: 'access token',
      severity: 'warning',
      finding: `Meta could not check it now (${codes})`,
      fix: { advice: 'Look at metastatus.com, and try again later' },
    }
  }
  const why = ENDED[subcode ?? 0]
  return {
    check: 'access token',
    severity: 'error',
    finding: `Meta rejects it: ${why ?? `it is not valid (${codes})`}`,
    fix: { advice: NEW_TOKEN, command: SET_TOKEN },
  }
}

function unreachable({ cloudApi }: Context, refusal: Refusal): Finding {
  const { host } = new URL(cloudApi.lookUpUrl('me', { accessToken: '' }))
  return {
    check: 'access token',
    severity: 'error',
    finding: `${host} cannot be reached: ${told(refusal)}`,
    fix: { advice: 'Let this machine make https requests to it, and to lookaside.fbsbx.com for the media' },
  }
}

function lifeOf({ expiresAt, appId }: TokenInfo, now: number): Finding {
  const app = appId === undefined ? '' : `, for app ${appId}`
  const finding = expiresAt === undefined ? `Never expires${app}` : `Expires at ${expiresAt}${app}`
  if (expiresAt === undefined || Date.parse(expiresAt) > now + WEEK_MS) {
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

function unknownPermissions(): Finding[] {
  return [
    { check: 'access token', severity: 'ok', finding: 'Meta accepts it' },
    { check: 'permissions', severity: 'note', finding: 'Not checked: Meta does not tell this token what it may do' },
  ]
}

function secretFinding({ appSecret }: Context): Finding {
  const check = 'app secret'
  if (appSecret !== undefined) return { check, severity: 'ok', finding: 'Meta accepts its proof' }
  return {
    check,
    severity: 'note',
    finding: 'Not checked: WHATSAPP_APP_SECRET is not set; webhooks cannot be verified without',
    fix: { advice: APP_SECRET, command: SET_SECRET },
  }
}

async function checkPhoneNumberId(context: Context): Promise<Finding[]> {
  const { phoneNumberId } = context
  if (phoneNumberId === undefined) return []
  const check = 'phone number id'
  // Nothing else is asked for: the number itself has no place in a report.
  const answer = await ask(context, { node: phoneNumberId })
  if ('json' in answer) return [{ check, severity: 'ok', finding: 'The token may read it' }]
  if ('nothing' in answer) return [{ check, severity: 'note', finding: `Not checked: ${told(answer.nothing)}` }]
  const { status, error } = answer
  const codes = `HTTP ${status}, code ${error.code ?? 'none'}`
  const isPassing = error.code === undefined ? status >= 500 || status === 429 : PASSING.includes(error.code)
  if (isPassing) return [{ check, severity: 'note', finding: `Not checked: ${codes}` }]
  return [
    {
      check,
      severity: 'error',
      finding: `The token may not read it, or there is none such (${codes})`,
      fix: {
        advice:
          'Compare it with WhatsApp Manager (Phone numbers; it is not the number itself), and assign the WhatsApp ' +
          'account to the system user of the token (Business settings, System users, Assign assets)',
      },
    },
  ]
}

async function ask(
  { cloudApi, accessToken, appSecret, timeoutMs }: Context,
  call: { node: string; query?: Record<string, string> },
): Promise<GraphAnswer> {
  const { node, query = { fields: 'id' } } = call
  const url = new URL(cloudApi.lookUpUrl(node, { accessToken, appSecret }))
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  const headers = { ...COMMON_HEADERS, ...cloudApi.authorization(accessToken) }
  const answer = await attempt(() => get(url.href, { headers, signal: AbortSignal.timeout(timeoutMs) }))
  if ('reason' in answer) return { nothing: answer }
  const { status, body } = answer.value
  const json = parseJson(body)
  return status === 200 && json !== undefined ? { json } : { error: parseGraphError(json) ?? {}, status }
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
