import { runWithToken, type TokenHistory } from '../download/access-token.js'
import type { ResolvedDownload } from '../download/attempt.js'
import { checkWaits } from '../download/check-waits.js'
import { toGraphError } from '../download/graph-error.js'
import { readProof, requestGraph } from '../download/request-graph.js'
import { checkCaller, DOWNLOAD_OPTIONS, type DownloadOptions, resolveDownload } from '../download.js'
import type { OptionNames } from '../errors/check-options.js'
import { describeId } from '../errors/describe.js'
import type { KnownSecrets } from '../errors/known-secrets.js'
import { reduceToName } from '../errors/thrown.js'
import { GraphUnreachableError, InvalidOptionError } from '../errors.js'
import { type EventSubject, emit } from '../events.js'
import type { HttpClient, HttpRequest } from '../http/client.js'
import { isNeverSent } from '../http/no-answer.js'
import { defined, type Filled, parseJson } from '../json.js'
import { checkAccountId } from '../key.js'
import { type Deadlines, runUnder, startDeadlines } from '../timing/deadlines.js'
import { type RetryOptions, retryAttempts } from '../timing/retry.js'

/** Options of every call of the way out. */
export interface SendingOptions extends Omit<DownloadOptions, 'maxBytes'>, RetryOptions {
  /** The tenant, for errors and events: `/^[A-Za-z0-9_-]{1,128}$/`. Default: none. */
  accountId?: string | undefined
}

const { maxBytes: _maxBytes, ...CONNECTION_OPTIONS } = DOWNLOAD_OPTIONS

export const SENDING_OPTIONS: OptionNames<SendingOptions> = {
  ...{ accountId: true, attempts: true, waitScale: true },
  ...CONNECTION_OPTIONS,
}

/** One call of the way out: its checked options. */
export interface SendingPlan {
  options: SendingOptions
  download: ResolvedDownload
  retry: Filled<RetryOptions>
  /** The call's attempts share it. */
  tokens: TokenHistory
  /** What events tell of the call. */
  subject: EventSubject
}

/** @throws InvalidOptionError for options of the wrong form. */
export function makeSendingPlan(options: SendingOptions): SendingPlan {
  const { accountId } = options
  checkCaller(options)
  if (accountId !== undefined) checkAccountId(accountId)
  const retry = checkWaits(options)
  return { options, download: resolveDownload(options), retry, tokens: {}, subject: defined({ accountId }) }
}

/** One attempt at something that needs no token. */
export interface TimedAttempt {
  deadlines: Deadlines
  /** 1 for the first. */
  number: number
}

/** One attempt at a call. */
export interface SendingAttempt extends TimedAttempt {
  download: ResolvedDownload
  accessToken: string
}

/** `isRepeatable`: false ends the attempts. Default: always true. */
interface Repeats {
  isRepeatable?: (() => boolean) | undefined
}

/** Runs a call's attempts, each under its deadlines and with a token. Failures that may pass are tried again. */
export function runSending<T>(
  plan: SendingPlan,
  attempt: (attempt: SendingAttempt) => Promise<T>,
  repeats?: Repeats,
): Promise<T> {
  const { options, download, tokens: history } = plan
  const { accessToken, accountId: account } = options
  const start = (timed: TimedAttempt): Promise<T> => {
    const call = { accessToken, history, deadlines: timed.deadlines, account }
    return runWithToken(call, (token) => attempt({ ...timed, download, accessToken: token }))
  }
  return runTimed(plan, start, repeats)
}

/** As `runSending`, without a token. */
export function runTimed<T>(
  plan: SendingPlan,
  attempt: (attempt: TimedAttempt) => Promise<T>,
  { isRepeatable = () => true }: Repeats = {},
): Promise<T> {
  const { options, download, retry, subject } = plan
  const { signal, onEvent } = options
  const start = (number: number): Promise<T> => {
    const deadlines = startDeadlines(download.timeouts, signal)
    return runUnder(deadlines, () => attempt({ deadlines, number }))
  }
  return retryAttempts(start, {
    ...retry,
    deadlineAt: Number.POSITIVE_INFINITY,
    signal,
    // `runWithToken` has already tried a second token. Only a failed token function is worth a new attempt.
    mayRetry: (error) => isRepeatable() && (error.code !== 'access-token' || error.reason === 'unavailable'),
    onFailedAttempt(error, number, retryInMs) {
      emit(onEvent, { type: 'attempt-failed', error, attempt: number, ...subject, ...defined({ retryInMs }) })
    },
  })
}

/** One request to the Graph API, below its root. */
export interface GraphCall extends Pick<HttpRequest, 'method' | 'body' | 'headers'> {
  /** Its segments are encoded already. */
  path: string
  /** The number that alone the call is for. */
  phoneNumberId?: string | undefined
  /**
   * The media that the call is about: an answer that nothing has this id becomes a `MediaGoneError`, unless it names the
   * path's own node.
   */
  mediaId?: string | undefined
  /** More texts that no error may repeat. */
  secrets: KnownSecrets
  /** Told when it is certain that the call never left. */
  onNeverSent?: (() => void) | undefined
}

/**
 * Makes one request of an attempt.
 *
 * @returns the answer's JSON; undefined where it is none.
 * @throws AccessTokenError, MediaGoneError or GraphApiError by Graph's error code; GraphUnreachableError when no whole
 * answer came.
 */
export async function callGraph(call: GraphCall, attempt: SendingAttempt): Promise<unknown> {
  const { method, path, headers, body, phoneNumberId, mediaId, secrets, onNeverSent } = call
  const { download, accessToken, deadlines } = attempt
  const { cloudApi, http, appSecret } = download
  const url = cloudApi.buildNodeUrl(path, { accessToken, appSecret, phoneNumberId })
  const { host } = new URL(url)
  const answer = await requestGraph(
    () => ({ method, url, headers: { ...cloudApi.buildAuthorization(accessToken), ...headers }, body }),
    {
      http: tellNeverSent(http, onNeverSent),
      deadlines,
      createError: (problem, thrown) => new GraphUnreachableError({ host, problem, cause: reduceToName(thrown) }),
    },
  )
  if (answer.status === 200) return parseJson(answer.text)
  const [node = ''] = path.split('/')
  const isNode = node !== mediaId && answer.text.includes(`'${node}'`)
  const known = [accessToken, appSecret, readProof(url), ...secrets]
  throw toGraphError({ ...answer, secrets: known }, isNode ? undefined : mediaId)
}

/** Around the client alone: what breaks an answer off may have the same names. */
function tellNeverSent(http: HttpClient, onNeverSent: (() => void) | undefined): HttpClient {
  if (onNeverSent === undefined) return http
  return async (request) => {
    try {
      return await http(request)
    } catch (error) {
      if (isNeverSent(error)) onNeverSent()
      throw error
    }
  }
}

/** The error for an answer with status 200 that is none of Meta's. */
export function createStrangeAnswerError({ download }: SendingAttempt, problem: string): GraphUnreachableError {
  const { host } = new URL(download.cloudApi.buildNodeUrl('', { accessToken: '' }))
  return new GraphUnreachableError({ host, problem })
}

/**
 * The id of a node of Meta's: a phone number or an app.
 *
 * @throws InvalidOptionError for what can be none, such as the phone number itself.
 */
export function checkNodeId(option: string, id: unknown): asserts id is string {
  if (typeof id === 'string' && /^[\w-]{1,64}$/.test(id)) return
  const problem = `must be Meta's id of it, such as 106540352242922, got ${describeId(id)}`
  throw new InvalidOptionError({ option, problem })
}
