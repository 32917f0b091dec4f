import assert from 'node:assert/strict'
import { getSignedUrl } from 'whatsapp-media-archive'
import { createS3Storage } from 'whatsapp-media-archive/storage/s3'

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
const storage = createS3Storage({ bucket: 'my-media', region: 'eu-central-1', credentials })
const url = await getSignedUrl('whatsapp-media/acme/2026-11-22/image/5ef5e495-9ea6-59d7-91c6-d39ba4699239.jpg', {
  storage,
  accountId: 'acme',
})
assert.equal(new URL(url).hostname, 'my-media.s3.eu-central-1.amazonaws.com')
await storage.close()
