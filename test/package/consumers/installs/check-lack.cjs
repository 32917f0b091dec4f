// What each call must say: its reason, and the words that tell how to go on.
const assert = require('node:assert/strict')

const EXPECTED = {
  package: ['package-missing', /@aws-sdk\/client-s(?:3|qs) is not installed: npm install @aws-sdk\/client-s/],
  region: ['region-missing', /option region.*AWS_REGION/],
  credentials: ['CredentialsProviderError', /option credentials.*AWS_ACCESS_KEY_ID/],
}
const MEDIA = { mediaId: '1', mediaType: 'image', messageId: 'm', phoneNumberId: '1', from: '1' }

exports.check = async ({ lack, getSignedUrl, uploadToS3, createSqsQueue, createS3Storage }) => {
  const [reason, advice] = EXPECTED[lack]
  const settings = lack === 'region' ? {} : { region: 'eu-central-1' }
  const storage = createS3Storage({ bucket: 'my-media', ...settings })
  const queue = createSqsQueue({ queueUrl: 'https://sqs.example.com/1/media', ...settings })
  const calls = {
    upload: () => uploadToS3(Buffer.from('x'), { storage, accountId: 'acme' }),
    sign: () =>
      getSignedUrl('whatsapp-media/acme/2026-11-22/image/5ef5e495-9ea6-59d7-91c6-d39ba4699239.jpg', {
        storage,
        accountId: 'acme',
      }),
    enqueue: () => queue.enqueue([{ version: 1, accountId: 'acme', media: MEDIA }]),
  }
  for (const [name, call] of Object.entries(calls)) {
    await assert.rejects(call, (error) => {
      assert.deepEqual([name, error.reason, error.retryable], [name, reason, false], error.message)
      assert.match(error.message, advice)
      return true
    })
  }
  await storage.close()
  await queue.close()
}
