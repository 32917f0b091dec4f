import { acceptMessage } from './accept-message.js'
import { buildAccountBody } from './account.js'
import { CDN_PATH, sendFlowFile } from './encrypted-file.js'
import type { FakeExchange, RoutedExchange } from './exchange.js'
import { sendSpoilt, takeFault } from './faults.js'
import { lookUpHeldMedia } from './look-up-held-media.js'
import { DELETE_ERROR, makeTraceId, refuseStranger, sendRefusal } from './refusals.js'
import { beginTemplateMedia, takeTemplateMedia } from './resumable-upload.js'
import { sendDownload } from './send-download.js'
import { ATTACHMENTS } from './sign-download-url.js'
import type { FakeApiState, RecordedRequest } from './state.js'
import { takeUpload, toJsonAnswer } from './take-upload.js'

/** Records a request, and answers it by its target. */
export async function answerApiRequest({ request, response }: FakeExchange, state: FakeApiState): Promise<void> {
  const url = new URL(`${state.origin}${request.url}`)
  const exchange = { request, response, url }
  const { kind, node, body } = findRoute(exchange, state)
  state.requests.push(recordRequest(kind, exchange))
  response.setHeader('x-fb-trace-id', makeTraceId())
  switch (kind) {
    case 'download':
      return sendDownload(exchange, state)
    case 'flow-download':
      return sendFlowFile(exchange, state)
    case 'upload':
      return takeUpload({ ...exchange, phoneNumberId: node }, state)
    case 'template':
      return node.startsWith(UPLOAD) ? takeTemplateMedia(exchange, state) : beginTemplateMedia(exchange, state)
    case 'send':
      return acceptMessage({ ...exchange, phoneNumberId: node }, state)
    case 'look-up':
      return lookUpHeldMedia({ ...exchange, mediaId: node }, state)
    case 'delete':
      return removeHeldMedia({ ...exchange, mediaId: node }, state)
    case 'other':
      return sendOther(exchange, body, state)
  }
}

/** The target of a request: a node of the graph, or an edge of one. */
interface ApiRoute {
  kind: RecordedRequest['kind']
  node: string
  /** The body of a node that is no media. */
  body?: string | undefined
}

const PATH = /^\/(?:v\d+\.\d+\/)?([^/]+)(\/media|\/messages|\/uploads)?$/
/** Ids of resumable uploads begin so. */
const UPLOAD = 'upload:'

function findRoute({ request, url }: RoutedExchange, { accessToken, account }: FakeApiState): ApiRoute {
  const { method } = request
  const [, encoded = '', edge = ''] = PATH.exec(url.pathname) ?? []
  const node = decodeURIComponent(encoded)
  if (url.pathname.startsWith(CDN_PATH)) return { kind: 'flow-download', node }
  if (url.pathname === ATTACHMENTS) return { kind: 'download', node }
  if (node.startsWith(UPLOAD) || (method === 'POST' && edge === '/uploads')) return { kind: 'template', node }
  if (method === 'POST' && edge === '/media') return { kind: 'upload', node }
  if (method === 'POST' && edge === '/messages') return { kind: 'send', node }
  if (node === '' || edge !== '') return { kind: 'other', node }
  if (method === 'DELETE') return { kind: 'delete', node }
  const inputToken = url.searchParams.get('input_token')
  const body = method === 'GET' ? buildAccountBody(node, { accessToken, inputToken, account }) : undefined
  return { kind: body === undefined ? 'look-up' : 'other', node, body }
}

function sendOther(exchange: RoutedExchange, body: string | undefined, state: FakeApiState): void {
  const { response } = exchange
  if (body === undefined) sendRefusal(response, 404)
  else if (!refuseStranger(exchange, state))
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

async function removeHeldMedia(exchange: RoutedExchange & { mediaId: string }, state: FakeApiState): Promise<void> {
  const { response, url, mediaId } = exchange
  const fault = takeFault({ on: 'delete', mediaId }, state.faults)
  if (fault?.kind === 'status') return sendSpoilt(response, toJsonAnswer({}), fault, makeTraceId())
  if (refuseStranger(exchange, state)) return
  const held = state.media.get(mediaId)
  if (held === undefined) return sendRefusal(response, 400, DELETE_ERROR)
  const isGuarded = (url.searchParams.get('phone_number_id') ?? held.phoneNumberId) !== held.phoneNumberId
  if (isGuarded) return sendRefusal(response, 400)
  state.media.delete(mediaId)
  await sendSpoilt(response, toJsonAnswer({ success: true }), fault, makeTraceId())
}
