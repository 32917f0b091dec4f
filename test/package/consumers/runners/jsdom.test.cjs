// Jest's jsdom has no `Response`: what needs it says what to do, the rest works.
const { root, inProcess, memory, testing, webhook } = require('./load.cjs')

const advice = /^testEnvironment must be node: .*Response.*@jest-environment node/
const storage = memory.createMemoryStorage()

it('says what to do', async () => {
  expect(() => root.createMediaArchive({ storage, accounts: () => undefined })).toThrow(advice)
  expect(() => inProcess.createInProcessQueue()).toThrow(advice)
  const options = { appSecret: 'app-secret', verifyToken: 'token', onMedia() {} }
  expect(() => webhook.createWebhookHandler(options)).toThrow(advice)
  await expect(testing.createFakeCloudApi()).rejects.toThrow(advice)
  const one = { storage, accountId: 'acme', accessToken: 'token' }
  await expect(root.archiveMedia('1', one)).rejects.toThrow(advice)
  const { accessToken: _, ...place } = one
  await expect(root.uploadToS3(Buffer.from('x'), { ...place, mimeType: 'text/plain' })).rejects.toThrow(advice)
})

it('reads webhooks', () => {
  const media = { type: 'image', object: { id: '1', mime_type: 'image/png' } }
  expect(webhook.extractMedia(testing.buildWebhook({ media })).media).toMatchObject([{ mediaId: '1' }])
})
