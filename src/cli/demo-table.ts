import type { ArchivedMedia } from '../archive.js'

export const TABLE_HEAD: string = 'type              size  proven       time  key, and a signed URL'

/** One archived media item in two lines of text; `ms` is the time from its webhook to the archived object. */
export function tableRow(
  { mediaType, size, integrity, key }: ArchivedMedia,
  details: { ms: number; url: string },
): string {
  const bytes = `${size.toLocaleString('en')} B`.padStart(13)
  // Against the hash in the webhook, or else only hashed here.
  const proven = integrity === 'announced' ? 'proven' : 'hashed'
  const time = `${Math.round(details.ms)} ms`.padStart(9)
  return `${mediaType.padEnd(8)} ${bytes}  ${proven}  ${time}  ${key}\n         ${details.url}\n`
}
