import type { RoutedExchange } from './exchange.js'
import { isWholeAnswer, sendSpoilt, takeFault } from './faults.js'
import { buildDownload, NOBODYS } from './media.js'
import { hasToken, makeTraceId, sendPageNotFound, sendRefusal } from './refusals.js'
import { hashDownload } from './sign-download-url.js'
import type { FakeApiState } from './state.js'

/** Sends a file's bytes to a caller with the token and a URL that has not expired. */
export async function sendDownload({ request, response, url }: RoutedExchange, state: FakeApiState): Promise<void> {
  const mediaId = url.searchParams.get('mid') ?? ''
  const expiresAt = Number(url.searchParams.get('ext'))
  const fault = takeFault({ on: 'download', mediaId }, state.faults)
  const held = state.media.get(mediaId)
  if (fault === undefined || !isWholeAnswer(fault)) {
    const isSigned = url.searchParams.get('hash') === hashDownload({ mediaId, expiresAt }, state)
    if (!hasToken(request, state)) return sendRefusal(response, 401)
    if (held === undefined || !isSigned || state.now() > expiresAt * 1_000) return sendPageNotFound(response)
  }
  await sendSpoilt(response, buildDownload(held ?? NOBODYS), fault, makeTraceId())
}
