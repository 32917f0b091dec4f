// The same function by hand, on the AWS SDK.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'

const client = new S3Client({})
const Bucket = process.env.S3_BUCKET_NAME ?? 'bench'
const appSecret = process.env.WHATSAPP_APP_SECRET ?? 'bench-app-secret'
const authorized = { headers: { authorization: `Bearer ${process.env.WHATSAPP_ACCESS_TOKEN ?? 'bench'}` } }

async function archive(id) {
  const { url, mime_type: ContentType } = await (
    await fetch(`https://graph.facebook.com/v25.0/${id}`, authorized)
  ).json()
  const Body = Buffer.from(await (await fetch(url, authorized)).arrayBuffer())
  await client.send(new PutObjectCommand({ Bucket, Key: `media/${id}`, Body, ContentType }))
}

export async function handler({ body, headers }) {
  const right = createHmac('sha256', appSecret).update(body).digest()
  const given = Buffer.from(String(headers['x-hub-signature-256']).slice(7), 'hex')
  if (given.length !== right.length || !timingSafeEqual(given, right)) return { statusCode: 401 }
  const changes = JSON.parse(body).entry.flatMap((entry) => entry.changes)
  const messages = changes.flatMap(({ value }) => value.messages ?? [])
  await Promise.all(messages.flatMap((message) => message[message.type]?.id ?? []).map(archive))
  return { statusCode: 200 }
}

export const sign = (Key) => getSignedUrl(client, new GetObjectCommand({ Bucket, Key }), { expiresIn: 3_600 })
