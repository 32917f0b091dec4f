import { afterEach, describe, expect, it } from 'vitest'
import { type OutboundMessage, sendMediaMessage, uploadToS3 } from '../../src/index.js'
import { createMemoryMediaIds } from '../../src/media-ids/memory.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { FakeCloudApi, Fault } from '../../src/testing.js'
import { callOptions, catchError, createApis, phoneNumberId } from './start-api.js'

const apis = createApis()
afterEach(apis.close)

const PDF = Buffer.from('%PDF-1.7 example')

/** A stored file, and how often it was read. */
async function storeFile() {
  const storage = createMemoryStorage()
  await uploadToS3(PDF, { storage, key: 'a/b.pdf', mimeType: 'application/pdf' })
  let reads = 0
  const get: typeof storage.get = (...call) => {
    reads += 1
    return storage.get(...call)
  }
  return { source: { storage: { ...storage, get }, key: 'a/b.pdf' }, readsOf: () => reads }
}

const recipients = Array.from({ length: 100 }, (_, at) => `+1555000${String(at).padStart(4, '0')}`)
const mediaNames = (api: FakeCloudApi): Set<string | undefined> => new Set(api.messages.map(({ mediaId }) => mediaId))

describe('a cache of media ids', () => {
  it('sends one file to 100 recipients with one upload', async () => {
    const api = await apis.start()
    const { source, readsOf } = await storeFile()
    const mediaIds = createMemoryMediaIds()
    const options = { ...callOptions(api), phoneNumberId, mediaIds }
    const send = (to: string) => sendMediaMessage({ to, media: source }, options)
    const sent = await Promise.all(recipients.map(send))
    expect([api.uploads.length, readsOf(), api.messages.length]).toEqual([1, 1, 100])
    expect(new Set(sent.map(({ messageId }) => messageId)).size).toBe(100)
    expect(new Set(api.messages.map(({ body }) => body['to']))).toEqual(new Set(recipients))
    await Promise.all(recipients.map(send))
    expect([api.uploads.length, readsOf(), api.messages.length]).toEqual([1, 1, 200])
  })

  it.each<[string, Fault | undefined]>([
    ['unknown', undefined],
    ['unknown, with subcode 33', { on: 'send', kind: 'status', status: 400 }],
    [
      'bad',
      {
        on: 'send',
        kind: 'status',
        status: 400,
        body: '{"error":{"code":131053,"message":"(#131053) Media upload error"}}',
      },
    ],
  ])('renews an id that Meta calls %s once for all that wait', async (_name, fault) => {
    const api = await apis.start()
    const { source } = await storeFile()
    const mediaIds = createMemoryMediaIds()
    const options = { ...callOptions(api), phoneNumberId, mediaIds }
    const send = (to: string) => sendMediaMessage({ to, media: source }, options)
    const { mediaId = '' } = await send('+15550001111')
    if (fault === undefined)
      await fetch(`${api.origin}/${mediaId}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${api.accessToken}` },
      })
    else api.fail({ ...fault, mediaId })
    await Promise.all(recipients.map(send))
    expect([api.uploads.length, api.messages.length]).toEqual([2, 101])
    expect(mediaNames(api)).toEqual(new Set([mediaId, api.uploads[1]?.mediaId]))
    await send('+15550001111')
    expect([api.uploads.length, api.messages.at(-1)?.mediaId]).toEqual([2, api.uploads[1]?.mediaId])
  })

  it('does not renew what was uploaded for this message', async () => {
    const api = await apis.start()
    api.fail({ on: 'send', kind: 'status', status: 400 })
    const { source } = await storeFile()
    const options = { ...callOptions(api), phoneNumberId, mediaIds: createMemoryMediaIds() }
    const error = await catchError(sendMediaMessage({ to: '+15550001111', media: source }, options))
    expect(error).toHaveProperty('code', 'media-gone')
    expect(api.uploads).toHaveLength(1)
  })

  it('renews once a message', async () => {
    const api = await apis.start()
    const { source } = await storeFile()
    const options = { ...callOptions(api), phoneNumberId, mediaIds: createMemoryMediaIds() }
    const message: OutboundMessage = { to: '+15550001111', media: source }
    await sendMediaMessage(message, options)
    api.fail({ on: 'send', kind: 'status', status: 400 })
    expect(await catchError(sendMediaMessage(message, options))).toHaveProperty('code', 'media-gone')
    expect([api.uploads.length, api.messages.length]).toEqual([2, 1])
  })

  it('does not renew for another fault', async () => {
    const api = await apis.start()
    const { source } = await storeFile()
    const options = { ...callOptions(api), phoneNumberId, mediaIds: createMemoryMediaIds() }
    await sendMediaMessage({ to: '+15550001111', media: source }, options)
    api.fail({ on: 'send', kind: 'reset' })
    const error = await catchError(sendMediaMessage({ to: '+15550001111', media: source }, options))
    expect(error).toHaveProperty('code', 'send-outcome-unknown')
    expect([api.uploads.length, api.messages.length]).toEqual([1, 2])
  })

  it('is checked, also where nothing is uploaded', async () => {
    const api = await apis.start()
    const media = { link: 'https://a.example/a.png', mediaType: 'image' } as const
    const options = { ...callOptions(api), phoneNumberId, mediaIds: {} as never }
    expect(await catchError(sendMediaMessage({ to: '+15550001111', media }, options))).toHaveProperty(
      'option',
      'mediaIds',
    )
  })
})
