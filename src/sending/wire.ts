import { readId } from '../json.js'

/** The Graph API's wire forms of the way out: this file knows their snake_case. */

/** The fields of an upload, beside its file (Meta: Media, "Upload media"). The file comes last. */
export function buildUploadFields(upload: {
  mimeType: string
  ttlMinutes?: number | undefined
}): Readonly<Record<string, string>> {
  const { mimeType, ttlMinutes } = upload
  return {
    messaging_product: 'whatsapp',
    type: mimeType,
    ...(ttlMinutes === undefined ? {} : { ttl_minutes: String(ttlMinutes) }),
  }
}

/** The media id of an upload's answer. @returns undefined when there is none. */
export function parseUploadAnswer(json: unknown): string | undefined {
  return readId(json, 'id') || undefined
}
