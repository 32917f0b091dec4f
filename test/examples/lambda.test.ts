import { expect, it, vi } from 'vitest'
import { webhook, webhookOptionsFromEnv, worker, workerOptionsFromEnv } from '../../examples/lambda.js'

const COMMON = {
  QUEUE_URL: 'https://sqs.ap-south-1.amazonaws.com/111122223333/media',
  S3_BUCKET_NAME: 'example-bucket',
  WHATSAPP_PHONE_NUMBER_ID: '123',
}
const WEBHOOK = {
  ...COMMON,
  WHATSAPP_APP_SECRET: 'example-app-secret',
  WHATSAPP_VERIFY_TOKEN: 'example-verify-token',
}
const WORKER = {
  ...COMMON,
  WHATSAPP_ACCESS_TOKEN: 'example-token',
  DEAD_LETTER_QUEUE_URL: `${COMMON.QUEUE_URL}-dead`,
}

it.each(Object.keys(WEBHOOK))('webhookOptionsFromEnv of the Lambda example names %s when it is missing', (name) => {
  expect(() => webhookOptionsFromEnv({ ...WEBHOOK, [name]: undefined })).toThrow(`${name} is not set`)
})

it.each(Object.keys(WORKER))('workerOptionsFromEnv of the Lambda example names %s when it is missing', (name) => {
  expect(() => workerOptionsFromEnv({ ...WORKER, [name]: '' })).toThrow(`${name} is not set`)
})

it('workerOptionsFromEnv of the Lambda example knows its own number only', async () => {
  const more = { AWS_REGION: 'ap-south-1', S3_ENDPOINT: 'http://127.0.0.1:1', WHATSAPP_MEDIA_PREFIX: 'media/' }
  const { archive, consumer } = workerOptionsFromEnv({ ...WORKER, ...more })
  expect(archive.prefix).toBe('media/')
  expect(await archive.accounts('123')).toEqual({ accountId: 'pixels_internal', accessToken: 'example-token' })
  expect(await archive.accounts('124')).toBeUndefined()
  expect(consumer).toEqual({ queueUrl: COMMON.QUEUE_URL, deadLetterQueueUrl: WORKER.DEAD_LETTER_QUEUE_URL })
})

it('webhookOptionsFromEnv of the Lambda example needs no access token', async () => {
  const { archive } = webhookOptionsFromEnv(WEBHOOK)
  expect(await archive.accounts('123')).toEqual({ accountId: 'pixels_internal', accessToken: undefined })
})

it('the Lambda example’s functions fail without their settings, and run with them', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  const query = 'hub.mode=subscribe&hub.challenge=42&hub.verify_token=example-verify-token'
  const handshake = { rawQueryString: query, requestContext: { http: { method: 'GET' } }, headers: {} }
  const context = { getRemainingTimeInMillis: () => 10_000 }
  await expect(webhook(handshake)).rejects.toThrow('is not set')
  await expect(worker({ Records: [] }, context)).rejects.toThrow('is not set')

  for (const [name, value] of Object.entries({ ...WEBHOOK, ...WORKER })) vi.stubEnv(name, value)
  expect(await webhook(handshake)).toMatchObject({ statusCode: 200, body: '42' })
  expect(await webhook({ ...handshake, rawQueryString: '' })).toMatchObject({ statusCode: 403 })
  expect(log.mock.calls.map(([line]) => JSON.parse(line))).toEqual([
    {
      type: 'webhook-refused',
      reason: 'handshake',
      status: 403,
      error: expect.objectContaining({ code: 'invalid-option' }),
    },
  ])
  expect(await worker({ Records: [] }, context)).toEqual({ batchItemFailures: [] })
})
