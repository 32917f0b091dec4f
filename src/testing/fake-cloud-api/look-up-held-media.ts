import { defined } from '../../json.js'
import type { RoutedExchange } from './exchange.js'
import { type Fault, isWholeAnswer, sendSpoilt, takeFault } from './faults.js'
import { flipHex, type HeldMedia, NOBODYS } from './media.js'
import { makeTraceId, refuseStranger, sendRefusal } from './refusals.js'
import { signDownloadUrl } from './sign-download-url.js'
import type { FakeApiState } from './state.js'

interface LookUpExchange extends RoutedExchange {
  mediaId: string
}

/** Answers a look-up with Meta's media object, refuses it, or spoils it by a fault. */
export async function lookUpHeldMedia(exchange: LookUpExchange, state: FakeApiState): Promise<void> {
  const { response, mediaId } = exchange
  const fault = takeFault({ on: 'look-up', mediaId }, state.faults)
  const held =
    fault !== undefined && isWholeAnswer(fault) ? (state.media.get(mediaId) ?? NOBODYS) : findAllowed(exchange, state)
  if (held === undefined) return
  const url = signDownloadUrl({ mediaId: held.mediaId, source: 'getMedia' }, state).url
  const text = fault?.kind === 'malformed-json' ? '{"url":"https:' : buildLookUpBody(held, { url, fault })
  response.setHeader('facebook-api-version', 'v25.0')
  response.setHeader('x-business-use-case-usage', USAGE)
  const headers = {
    'content-type': 'application/json; charset=UTF-8',
    'cache-control': 'private, no-cache, no-store',
    etag: `"${mediaId}"`,
  }
  const bytes = Buffer.from(text)
  await sendSpoilt(response, { headers, size: bytes.length, pieces: () => [bytes] }, fault, makeTraceId())
}

/** The media that the caller may read; where there is none, the refusal is sent. */
function findAllowed(exchange: LookUpExchange, state: FakeApiState): HeldMedia | undefined {
  const { response, url, mediaId } = exchange
  if (refuseStranger(exchange, state)) return undefined
  const held = state.media.get(mediaId)
  const isHeld = held !== undefined && state.now() <= held.addedAt + (held.lifetimeMs ?? state.mediaLifetimeMs)
  if (isHeld && (url.searchParams.get('phone_number_id') ?? held.phoneNumberId) === held.phoneNumberId) return held
  sendRefusal(response, 400)
  return undefined
}

function buildLookUpBody(held: HeldMedia, { url, fault }: { url: string; fault: Fault | undefined }): string {
  const { mediaId, mimeType, announced, size } = held
  const sha256 = fault?.kind === 'wrong-sha256' ? flipHex(held.sha256) : announced
  const info = defined({
    url,
    mime_type: mimeType,
    sha256: fault?.kind === 'no-sha256' ? undefined : sha256,
    file_size: fault?.kind === 'no-size' ? undefined : fault?.kind === 'wrong-size' ? size + 1 : size,
    id: mediaId,
    messaging_product: 'whatsapp',
  })
  return JSON.stringify(info).replaceAll('/', '\\/')
}

/** Percent of the limits used, and minutes until access comes back (Graph API: Rate limiting). */
const USAGE =
  '{"102290129340398":[{"type":"whatsapp","call_count":1,"total_cputime":1,"total_time":1,"estimated_time_to_regain_access":0}]}'
