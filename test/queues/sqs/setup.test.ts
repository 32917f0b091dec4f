import { expect, it, vi } from 'vitest'
import { createSqsQueue } from '../../../src/queues/sqs.js'

vi.mock('@aws-sdk/client-sqs', () => ({
  get SQSClient() {
    throw Object.assign(new Error("Cannot find package '@aws-sdk/late'"), { code: 'ERR_MODULE_NOT_FOUND' })
  },
}))

it('createSqsQueue tells a client that does not start, tries again, and closes all the same', async () => {
  const queue = createSqsQueue({ queueUrl: 'https://sqs.example.com/1/media', region: 'eu-central-1' })
  const media = {
    mediaId: '1',
    mediaType: 'image',
    messageId: 'm',
    phoneNumberId: '1',
    timestamp: '2026-11-22T10:00:00Z',
  }
  const job = { version: 1, accountId: 'acme', media } as unknown as Parameters<typeof queue.enqueue>[0][number]
  const failure = { code: 'queue-failed', reason: 'package-missing', retryable: false }
  await expect(queue.enqueue([job])).rejects.toMatchObject(failure)
  const again = queue.enqueue([job]).catch((error: unknown) => error)
  await queue.close()
  expect(await again).toMatchObject({ ...failure, message: expect.stringContaining('@aws-sdk/late is not installed') })
})
