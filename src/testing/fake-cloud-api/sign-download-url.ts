import { createHmac } from 'node:crypto'
import type { FakeApiState } from './state.js'

/** The path of download URLs. */
export const ATTACHMENTS = '/whatsapp_business/attachments/'

/** @returns a download URL as Meta makes them, and when it expires, in milliseconds since 1970. */
export function signDownloadUrl(
  { mediaId, source }: { mediaId: string; source: 'webhook' | 'getMedia' },
  state: FakeApiState,
): { url: string; expiresAt: number } {
  const expiresAt = Math.floor((state.now() + state.urlLifetimeMs) / 1_000)
  const hash = hashDownload({ mediaId, expiresAt }, state)
  const query = `mid=${encodeURIComponent(mediaId)}&source=${source}&ext=${expiresAt}&hash=${hash}`
  return { url: `${state.mediaOrigin}${ATTACHMENTS}?${query}`, expiresAt: expiresAt * 1_000 }
}

/** The hash of a download URL that expires at a time in seconds. */
export function hashDownload(
  { mediaId, expiresAt }: { mediaId: string; expiresAt: number },
  { urlSecret }: FakeApiState,
): string {
  return createHmac('sha256', urlSecret).update(`${mediaId} ${expiresAt}`).digest('base64url')
}
