import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { report } from './report.mjs'

const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' }
const client = new S3Client({ region: 'us-east-1', credentials })
const url = await getSignedUrl(
  client,
  new GetObjectCommand({
    Bucket: 'bench',
    Key: 'whatsapp-media/bench/2026-11-22/image/5ef5e495-9ea6-59d7-91c6-d39ba4699239.jpg',
    ResponseContentType: 'image/jpeg',
    ResponseContentDisposition: 'inline',
  }),
  { expiresIn: 3_600 },
)
if (!url.includes('X-Amz-Signature=')) throw new Error('not signed')
report()
