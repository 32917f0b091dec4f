// What each test runner tries, whichever module system loaded the entries.
const assert = require('node:assert/strict')
const { mkdtempSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const startS3 = require('./s3.cjs')

module.exports = function createCases({ root, http, inProcess, fileSystem, memory, s3, testing, webhook }) {
  const directory = mkdtempSync(join(tmpdir(), 'runners-'))
  const appSecret = 'app-secret'

  async function withApi(use) {
    const api = await testing.createFakeCloudApi()
    const bytes = Buffer.from('%PDF-1.4 a contract')
    const media = await api.addMedia({ bytes, mimeType: 'application/pdf', mediaType: 'document' })
    try {
      return await use({
        ...media,
        bytes,
        account: { accountId: 'acme', accessToken: api.accessToken },
        cloudApi: api.cloudApi,
      })
    } finally {
      await api.close()
    }
  }

  const own = {
    'a webhook is archived over HTTP by the default client and by fetch': () =>
      withApi(async ({ account, cloudApi, mediaObject, bytes }) => {
        for (const client of [http.createNodeHttpClient(), http.fromFetch(fetch)]) {
          const storage = memory.createMemoryStorage()
          const queue = inProcess.createInProcessQueue()
          let archive
          const whenArchived = new Promise((resolve, reject) => {
            const onFailed = ({ error }) => reject(error)
            const options = { storage, queue, cloudApi, http: client, accounts: () => account }
            archive = root.createMediaArchive({ ...options, onArchived: resolve, onFailed })
          })
          const handler = webhook.createWebhookHandler({ appSecret, verifyToken: 'token', onMedia: archive.enqueue })
          const payload = testing.buildWebhook([{ media: { type: 'document', object: mediaObject } }])
          const { body, headers } = testing.signWebhook(payload, { appSecret })
          const answer = await handler(new Request('https://app.example/webhook', { method: 'POST', headers, body }))
          assert.equal(answer.status, 200)
          const { key } = await whenArchived
          const found = await storage.get(key)
          assert.deepEqual(Buffer.concat(await found.body.toArray()).toString(), bytes.toString())
          await archive.close()
        }
      }),

    'an object is stored in S3 once, read back, and signed': () =>
      withApi(async ({ account, cloudApi, reference, bytes }) => {
        const server = await startS3()
        const credentials = { accessKeyId: 'consumer', secretAccessKey: 'secret' }
        const storage = s3.createS3Storage({
          bucket: 'media',
          region: 'us-east-1',
          endpoint: server.origin,
          credentials,
        })
        try {
          const options = { ...account, storage, cloudApi }
          const { key, alreadyStored } = await root.archiveMedia(reference, options)
          assert.equal(alreadyStored, false)
          assert.equal((await root.archiveMedia(reference, options)).alreadyStored, true)
          const found = await storage.get(key)
          assert.equal(Buffer.concat(await found.body.toArray()).toString(), bytes.toString())
          const url = await root.getSignedUrl(key, { storage, accountId: account.accountId })
          assert.equal(await (await fetch(url)).text(), bytes.toString())
        } finally {
          storage.close?.()
          await server.close()
        }
      }),

    'a fault is told by its code': () =>
      withApi(async ({ account, cloudApi }) => {
        const storage = memory.createMemoryStorage()
        const lost = root.archiveMedia('404', { ...account, storage, cloudApi, mediaType: 'image' })
        const error = await lost.catch((thrown) => thrown)
        assert.ok(root.WhatsAppMediaError.is(error))
        assert.equal(error.code, 'media-gone')
      }),
  }

  const suites = {
    memory: testing.storageConformance({ storage: () => memory.createMemoryStorage() }),
    'file system': testing.storageConformance({ storage: () => fileSystem.createFileSystemStorage({ directory }) }),
    'in-process': testing.queueConformance({
      open: () => ({ queue: inProcess.createInProcessQueue() }),
      isDurable: false,
    }),
  }
  const conformance = Object.entries(suites).flatMap(([suite, cases]) =>
    cases.map(({ name, run }) => [`${suite}: ${name}`, run]),
  )
  return [...Object.entries(own), ...conformance]
}
