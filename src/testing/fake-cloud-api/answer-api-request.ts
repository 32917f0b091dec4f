import { buildAccountBody } from './account.js'
import type { FakeExchange } from './exchange.js'
import { lookUpHeldMedia } from './look-up-held-media.js'
import { DELETE_ERROR, hasToken, makeTraceId, refuseStranger, sendRefusal } from './refusals.js'
import { sendDownload } from './send-download.js'
import { ATTACHMENTS } from './sign-download-url.js'
import type { FakeApiState, RecordedRequest } from './state.js'
import { takeUpload } from './take-upload.js'

/** Records a request, and answers it by its target. */
export async function answerApiRequest({ request, response }: FakeExchange, state: FakeApiState): Promise<void> {
  const url = new URL(`${state.origin}${request.url}`)
  const exchange = { request, response, url }
  const [, node = ''] = /^\/(?:v\d+\.\d+\/)?([^/]+)$/.exec(url.pathname) ?? []
  const { accessToken, account } = state
  const inputToken = url.searchParams.get('input_token')
  const body = request.method === 'GET' ? buildAccountBody(node, { accessToken, inputToken, account }) : undefined
  const [, phoneNumberId] = /^\/(?:v\d+\.\d+\/)?([^/]+)\/media$/.exec(url.pathname) ?? []
  const isUpload = request.method === 'POST' && phoneNumberId !== undefined
  const isOther = node === '' || body !== undefined
  const isDownload = url.pathname === ATTACHMENTS
  const kind = isUpload
    ? 'upload'
    : isDownload
      ? 'download'
      : isOther
        ? 'other'
        : request.method === 'DELETE'
          ? 'delete'
          : 'look-up'
  state.requests.push(recordRequest(kind, exchange))
  response.setHeader('x-fb-trace-id', makeTraceId())
  if (isUpload) return takeUpload({ ...exchange, phoneNumberId }, state)
  if (kind === 'download') return sendDownload(exchange, state)
  if (kind === 'look-up') return lookUpHeldMedia({ ...exchange, mediaId: decodeURIComponent(node) }, state)
  if (kind === 'delete') return removeHeldMedia({ ...exchange, mediaId: decodeURIComponent(node) }, state)
  if (body === undefined) return sendRefusal(response, 404)
  if (refuseStranger(exchange, state)) return
  response.writeHead(200, { 'content-type': 'application/json; charset=UTF-8' }).end(body)
}

function recordRequest(kind: RecordedRequest['kind'], { request, response }: FakeExchange): RecordedRequest {
  return {
    kind,
    method: request.method,
    url: request.url,
    headers: request.headers,
    get status() {
      return response.status
    },
  }
}

function removeHeldMedia(
  { request, response, mediaId }: FakeExchange & { mediaId: string },
  state: FakeApiState,
): void {
  if (!hasToken(request, state)) sendRefusal(response, 401)
  else if (!state.media.delete(mediaId)) sendRefusal(response, 400, DELETE_ERROR)
  else response.writeHead(200, { 'content-type': 'application/json' }).end('{"success":true}')
}
