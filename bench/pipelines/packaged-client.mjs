// A packaged WhatsApp client from npm (@kapso/whatsapp-cloud-api) downloads; then SHA-256 -> PutObject. Its download
// looks the media up and keeps the answer to itself, so the hash is the one that the webhook brought.
import { WhatsAppClient } from '@kapso/whatsapp-cloud-api'
import { hashOf } from '../media-bytes.mjs'
import { createS3Client, putProven } from './s3-client.mjs'

export function open({ source, ...options }) {
  const client = createS3Client(options)
  const whatsApp = new WhatsAppClient({ accessToken: 'bench', baseUrl: source, graphVersion: 'v25.0' })
  return {
    async archive(id, size) {
      const body = Buffer.from(await whatsApp.media.download({ mediaId: id, auth: 'always' }))
      await putProven(client, { id, body, mimeType: 'application/pdf', sha256: hashOf(size) })
    },
    close: () => client.destroy(),
  }
}
