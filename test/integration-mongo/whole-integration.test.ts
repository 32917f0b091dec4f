import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Message } from '../../examples/mongoose.js'
import { buildWebhook, deliver } from '../../src/testing/build-webhook.js'
import { useDatabase } from './connection.js'
import { api, app, appSecret, keys } from './stand-ins.js'
import { archive } from './whole-integration.js'

const MESSAGES = 1_000
let server: Server
let url: string

useDatabase('whole-integration')

beforeAll(async () => {
  server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhook`
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await api.close()
})

it("the design's integration archives each message once, of webhooks that come twice in random order", async () => {
  const added = await Promise.all(
    Array.from({ length: MESSAGES }, (_, n) =>
      api.addMedia({
        bytes: Buffer.from(`file ${n}`),
        mimeType: 'text/plain',
        mediaType: 'document',
        phoneNumberId: '123',
        caption: `caption ${n}`,
      }),
    ),
  )
  for (const [n, { mediaId }] of added.entries()) {
    if (n % 20 === 0) api.fail({ on: 'download', kind: 'reset', mediaId, times: 1 })
  }
  const webhooks = added.map(({ mediaObject: object }, n) =>
    buildWebhook(
      [
        { media: { type: 'document', object }, messageId: `wamid.${n}` },
        { text: `text ${n}`, messageId: `wamid.text.${n}` },
      ],
      { phoneNumberId: '123' },
    ),
  )
  const order = [...webhooks, ...webhooks].sort(() => Math.random() - 0.5)
  // As many at once as a busy number has.
  const statuses: number[] = []
  const workers = Array.from({ length: 8 }, async () => {
    for (let webhook = order.pop(); webhook !== undefined; webhook = order.pop()) {
      statuses.push((await deliver(url, webhook, { appSecret })).status)
    }
  })
  await Promise.all(workers)
  expect(statuses).toEqual(Array(MESSAGES * 2).fill(200))
  expect(await archive.close()).toEqual([])

  expect(keys()).toHaveLength(MESSAGES)
  expect(await Message.countDocuments({ mediaStatus: { $exists: false } })).toBe(MESSAGES)
  const archived = await Message.find({ mediaStatus: 'archived' }).lean()
  expect(archived).toHaveLength(MESSAGES)
  const byMessage = new Map(archived.map((message) => [message.messageId, message.content]))
  for (const [n, { mediaId, sha256, size }] of added.entries()) {
    expect(byMessage.get(`wamid.${n}`)).toMatchObject({ mediaId, sha256, fileSize: size, caption: `caption ${n}` })
  }
})
