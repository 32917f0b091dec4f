import { createHmac, randomBytes } from 'node:crypto'
import type { ApiRequest, ApiResponse, RoutedExchange } from './exchange.js'
import { buildGraphErrorBody } from './graph-error-body.js'
import type { FakeApiState } from './state.js'

export interface GraphRefusal {
  message: string
  type: string
  code: number
  error_subcode?: number | undefined
}

/** The error for deleting an unknown id: not that of a look-up. */
export const DELETE_ERROR: GraphRefusal = {
  message: '(#100) Invalid post_id parameter',
  type: 'OAuthException',
  code: 100,
}

/** Both are bad parameters, not rejected tokens (Meta: Secure Graph API calls). */
const NO_PROOF_ERROR: GraphRefusal = {
  message: 'API calls from the server require an appsecret_proof argument',
  type: 'GraphMethodException',
  code: 100,
}
const PROOF_ERROR: GraphRefusal = {
  message: 'Invalid appsecret_proof provided in the API argument',
  type: 'GraphMethodException',
  code: 100,
}

/** Refuses a caller without the token, or with a wrong proof; true when it did. */
export function refuseStranger({ request, response, url }: RoutedExchange, state: FakeApiState): boolean {
  const { accessToken, appSecret, requireProof } = state
  const proof = url.searchParams.get('appsecret_proof')
  const isProofWrong = appSecret !== undefined && proof !== null && proof !== computeProof(accessToken, appSecret)
  if (!hasToken(request, state)) sendRefusal(response, 401)
  else if (isProofWrong) sendRefusal(response, 400, PROOF_ERROR)
  else if (requireProof && proof === null) sendRefusal(response, 400, NO_PROOF_ERROR)
  else return false
  return true
}

export function hasToken({ headers }: ApiRequest, { accessToken, account, now }: FakeApiState): boolean {
  return (
    headers.authorization === `Bearer ${accessToken}` && now() < (account.tokenExpiresAt ?? Number.POSITIVE_INFINITY)
  )
}

export function sendRefusal(response: ApiResponse, status: 400 | 401 | 404, error?: GraphRefusal): void {
  const body =
    error === undefined
      ? buildGraphErrorBody(status, makeTraceId())
      : JSON.stringify({ error: { ...error, fbtrace_id: makeTraceId() } })
  const headers = {
    'content-type': 'application/json; charset=UTF-8',
    'facebook-api-version': 'v25.0',
    // Refusals report the app's usage where answers report the business's.
    'x-app-usage': '{"call_count":1,"total_cputime":1,"total_time":1}',
    'www-authenticate': 'OAuth "Facebook Platform" "invalid_request" "refused by the fake"',
  }
  response.writeHead(status, headers).end(body)
}

/** The answer for an expired URL. */
export function sendPageNotFound(response: ApiResponse): void {
  response.writeHead(404, { 'content-type': 'text/html' }).end('<!DOCTYPE html><title>Error</title>')
}

/** Meta: Secure Graph API calls. */
function computeProof(accessToken: string, appSecret: string): string {
  return createHmac('sha256', appSecret).update(accessToken).digest('hex')
}

export function makeTraceId(): string {
  return `A${randomBytes(17).toString('base64url')}`
}
