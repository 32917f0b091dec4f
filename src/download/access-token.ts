import { describeSecret } from '../errors/describe.js'
import { reduceToName } from '../errors/thrown.js'
import { AccessTokenError, InvalidOptionError, WhatsAppMediaError } from '../errors.js'
import { defined } from '../json.js'
import { abortable, callOnAbort } from '../timing/abort.js'
import type { Deadlines } from '../timing/deadlines.js'

/**
 * A token, or a function called at each attempt. It gets `first` at the start of every attempt, not only of the first
 * one: a cached token will do then. It gets `rejected` when Meta refused the token that it gave last.
 */
export type AccessToken =
  | string
  | undefined
  | ((reason: 'first' | 'rejected') => string | undefined | Promise<string | undefined>)

/**
 * Refuses what can be no token by any luck. Without a token, a call fails with an `AccessTokenError`: one may come yet.
 *
 * @throws InvalidOptionError
 */
export function checkAccessToken(accessToken: unknown, option = 'accessToken'): void {
  if (accessToken === undefined || accessToken === null || typeof accessToken === 'function') return
  // A token from a file or a form keeps its line end, which no header can carry.
  if (typeof accessToken === 'string' && accessToken.trim() === accessToken) return
  const problem = `must be a token without white space around it, or a function, got ${describeSecret(accessToken)}`
  throw new InvalidOptionError({ option, problem })
}

/** The fate of the tokens given for one number. Calls that share it learn from each other. */
export interface TokenHistory {
  /** The last one given. */
  given?: string | undefined
  /** The last one that Meta rejected, until it works again. */
  rejected?: string | undefined
  /** The function's answer to `rejected`, while it is waited for: one renewal serves all. */
  renewal?: Promise<string | undefined> | undefined
}

/** One request for a token. */
export interface TokenCall {
  accessToken: AccessToken
  history: TokenHistory
  deadlines: Pick<Deadlines, 'signal' | 'waitFor'>
  /** Named in errors. */
  account?: string | undefined
}

/**
 * Runs `use` with a token. When Meta rejects the token, the function is asked for another one, and `use` runs once more
 * with that: the same attempt, however few the caller allows. The same token again is not tried twice.
 *
 * @throws AccessTokenError when there is no token, one that no header can carry, the function throws, or Meta rejects
 * its token; the errors of `use`; the signal's reason.
 */
export async function runWithToken<T>(call: TokenCall, use: (accessToken: string) => Promise<T>): Promise<T> {
  const { history } = call
  const { token, isRenewed } = await askToken(call)
  try {
    return await use(token)
  } catch (error) {
    const wasKnown = history.rejected === token
    if (!noteRejection(error, token, history) || typeof call.accessToken !== 'function' || isRenewed) throw error
    // Of calls under way together only the first to hear asks for another token; the others take what it got.
    const mayGetAnother = !wasKnown || history.given !== token || history.renewal !== undefined
    const other = mayGetAnother ? (await askToken(call)).token : token
    if (other === token) throw error
    return use(other).catch((last: unknown) => {
      noteRejection(last, other, history)
      throw last
    })
  }
}

/** Forgets an earlier rejection of this token: a look-up has succeeded with it. */
export function noteSuccess(token: string, history: TokenHistory): void {
  if (history.rejected === token) history.rejected = undefined
}

/** @returns whether Meta rejected the token. */
function noteRejection(error: unknown, token: string, history: TokenHistory): boolean {
  const isRejection = WhatsAppMediaError.is(error) && error.code === 'access-token' && error.reason === 'rejected'
  // Another token may have been given since: the rejection is not of the current token.
  if (isRejection && history.given === token) history.rejected = token
  return isRejection
}

async function askToken(call: TokenCall): Promise<{ token: string; isRenewed: boolean }> {
  const { accessToken, history, deadlines } = call
  // Neither Meta nor the storage is waited for: a slow vault may take the whole attempt's time.
  deadlines.waitFor('reader')
  if (typeof accessToken !== 'function') return { token: acceptToken(accessToken, call), isRenewed: false }
  if (history.rejected === undefined || history.rejected !== history.given) {
    const token = await callTokenFunction(() => accessToken('first'), call)
    // A cache that still holds the rejected one is asked again at once, without another refusal by Meta.
    if (token === undefined || token !== history.rejected) return { token: acceptToken(token, call), isRenewed: false }
  }
  const renewal = history.renewal ?? startRenewal(accessToken, call)
  return { token: acceptToken(await callTokenFunction(() => renewal, call), call), isRenewed: true }
}

function startRenewal(
  accessToken: Extract<AccessToken, (reason: 'first' | 'rejected') => unknown>,
  { history, deadlines }: TokenCall,
): Promise<string | undefined> {
  const renewal = (async () => accessToken('rejected'))()
  const forget = (): void => {
    // An abandoned renewal may end while the next is waited for.
    if (history.renewal === renewal) history.renewal = undefined
  }
  history.renewal = renewal
  renewal.then(forget, forget)
  // One that hangs must not keep later calls from asking anew.
  callOnAbort(deadlines.signal, forget)
  return renewal
}

/** A vault that hangs must not outlive the attempt. */
async function callTokenFunction(
  ask: () => string | undefined | Promise<string | undefined>,
  { deadlines: { signal }, account }: TokenCall,
): Promise<string | undefined> {
  signal.throwIfAborted()
  return abortable((async () => ask())(), signal).catch((error: unknown) => {
    signal.throwIfAborted()
    // An error of a vault may quote the secret that it was asked for.
    const cause = WhatsAppMediaError.is(error) ? error : reduceToName(error)
    throw new AccessTokenError({ reason: 'unavailable', ...defined({ account }), cause })
  })
}

function acceptToken(token: string | undefined, { history, deadlines, account }: TokenCall): string {
  deadlines.signal.throwIfAborted()
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    throw new AccessTokenError({ reason: 'missing', ...defined({ account, problem: findTokenProblem(token) }) })
  }
  history.given = token
  return token
}

/** Why a value that is there is no token. */
function findTokenProblem(token: unknown): string | undefined {
  if (token === undefined || token === null || token === '') return undefined
  if (typeof token !== 'string') return `it must be a string, got ${describeSecret(token)}`
  if (/^Bearer\s/i.test(token)) return 'what was given starts with Bearer; give the token alone'
  return /\s/.test(token) ? 'what was given has white space in or around it' : 'what was given is not plain ASCII'
}
