import { randomBytes } from 'node:crypto'
import type { RoutedExchange } from './exchange.js'
import { sendSpoilt, takeFault } from './faults.js'
import { makeTraceId, refuseStranger, sendRefusal } from './refusals.js'
import { readRequestBody } from './request-body.js'
import type { FakeApiState, TemplateUpload } from './state.js'
import { toJsonAnswer } from './take-upload.js'

/** The types of template samples (Graph API: Resumable Upload). */
const SAMPLE_TYPES: readonly unknown[] = ['application/pdf', 'image/jpeg', 'image/jpg', 'image/png', 'video/mp4']

/** Begins a resumable upload (Graph API: Resumable Upload). */
export async function beginTemplateMedia(exchange: RoutedExchange, state: FakeApiState): Promise<void> {
  const { response, url } = exchange
  if (refuseStranger(exchange, state)) return
  const fault = takeFault({ on: 'template-begin', mediaId: '' }, state.faults)
  const [filename, length, mimeType] = ['file_name', 'file_length', 'file_type'].map((name) =>
    url.searchParams.get(name),
  )
  if (filename == null || mimeType == null || !SAMPLE_TYPES.includes(mimeType) || !/^[1-9]\d*$/.test(length ?? '')) {
    const message = '(#100) Invalid parameter: file_name, file_length or file_type'
    sendRefusal(response, 400, { message, type: 'OAuthException', code: 100 })
    return
  }
  const id = `upload:MTpmYWtl${randomBytes(9).toString('hex')}=?sig=ARfake${randomBytes(12).toString('base64url')}`
  state.templates.set(id, { filename, mimeType, size: Number(length), bytes: Buffer.alloc(0), handle: undefined })
  await sendSpoilt(response, toJsonAnswer({ id }), fault, makeTraceId())
}

/** Takes bytes of a resumable upload, or tells how many there are. Its token comes in a scheme of its own. */
export async function takeTemplateMedia(exchange: RoutedExchange, state: FakeApiState): Promise<void> {
  const { request, response, url } = exchange
  const id = `${decodeURIComponent(url.pathname.replace(/^.*\//, ''))}?sig=${url.searchParams.get('sig')}`
  const upload = state.templates.get(id)
  if (request.headers.authorization !== `OAuth ${state.accessToken}`) return sendRefusal(response, 401)
  if (upload === undefined) return sendRefusal(response, 400)
  const on = request.method === 'GET' ? 'template-offset' : 'template'
  const fault = takeFault({ on, mediaId: '' }, state.faults)
  if (on === 'template-offset') {
    return sendSpoilt(response, toJsonAnswer({ id, file_offset: upload.bytes.length }), fault, makeTraceId())
  }
  if (fault?.kind === 'status') return sendSpoilt(response, toJsonAnswer({}), fault, makeTraceId())
  const offset = Number(request.headers['file_offset'])
  const { bytes, isWhole } = await readRequestBody(exchange, fault)
  if (offset !== upload.bytes.length) return isWhole ? sendRefusal(response, 400) : undefined
  addBytes(upload, bytes)
  if (isWhole) await sendSpoilt(response, toJsonAnswer({ h: upload.handle }), fault, makeTraceId())
}

function addBytes(upload: TemplateUpload, bytes: Buffer): void {
  upload.bytes = Buffer.concat([upload.bytes, bytes])
  if (upload.bytes.length === upload.size) upload.handle ??= `4::${randomBytes(18).toString('base64url')}`
}
