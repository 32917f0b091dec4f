import { getSignedUrl } from '../../dist/index.js'
import { createS3Storage } from '../../dist/storage/s3.js'
import { report } from './report.mjs'

const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' }
const storage = createS3Storage({ bucket: 'bench', region: 'us-east-1', credentials })
const url = await getSignedUrl('whatsapp-media/bench/2026-11-22/image/5ef5e495-9ea6-59d7-91c6-d39ba4699239.jpg', {
  storage,
  accountId: 'bench',
})
if (!url.includes('X-Amz-Signature=')) throw new Error('not signed')
report()
