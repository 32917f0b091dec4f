// Calls a bundle as Lambda does: an API Gateway event brings a webhook, an SQS event its job. Argument: the bundle.
import assert from 'node:assert/strict'
import { pathToFileURL } from 'node:url'
import { buildWebhook, createFakeCloudApi, signWebhook } from 'whatsapp-media-archive/testing'
import startS3 from './s3.cjs'
import startSqs from './sqs.cjs'

const appSecret = 'app-secret'
const [api, s3, sqs] = await Promise.all([createFakeCloudApi(), startS3(), startSqs()])
Object.assign(process.env, {
  ...{ AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'consumer', AWS_SECRET_ACCESS_KEY: 'secret' },
  ...{ S3_ENDPOINT: s3.origin, SQS_ENDPOINT: sqs.origin, CLOUD_API: JSON.stringify(api.cloudApi) },
  ...{ QUEUE_URL: `${sqs.origin}/1/media`, DEAD_LETTER_QUEUE_URL: `${sqs.origin}/1/dead` },
  ...{ WHATSAPP_APP_SECRET: appSecret, WHATSAPP_ACCESS_TOKEN: api.accessToken },
})
const { webhook, worker, sign } = await import(pathToFileURL(process.argv[2]).href)

const bytes = Buffer.from('%PDF-1.4 a contract')
const { mediaObject } = await api.addMedia({ bytes, mimeType: 'application/pdf', mediaType: 'document' })
const payload = buildWebhook([{ media: { type: 'document', object: mediaObject } }])
const { body, headers } = signWebhook(payload, { appSecret })
const answer = await webhook({
  ...{ version: '2.0', rawPath: '/webhook', rawQueryString: '', headers },
  requestContext: { http: { method: 'POST', path: '/webhook' } },
  body: body.toString('base64'),
  isBase64Encoded: true,
})
assert.equal(answer.statusCode, 200, JSON.stringify(answer))
assert.equal(sqs.bodies.length, 1)

const record = {
  messageId: '1',
  receiptHandle: 'handle',
  body: sqs.bodies[0],
  attributes: { ApproximateReceiveCount: '1' },
}
const result = await worker({ Records: [record] }, { getRemainingTimeInMillis: () => 60_000 })
assert.deepEqual(result, { batchItemFailures: [] })
const [path] = s3.paths()
const { url } = await sign(path.replace('/media/', ''))
assert.equal(await (await fetch(url)).text(), bytes.toString())
await Promise.all([api.close(), s3.close(), sqs.close()])
