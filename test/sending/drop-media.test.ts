import { afterEach, describe, expect, it } from 'vitest'
import { type DropMediaOptions, dropFailedMedia, sendMediaMessage } from '../../src/index.js'
import { createMemoryMediaIds } from '../../src/media-ids/memory.js'
import { buildWebhook, deliver } from '../../src/testing.js'
import { createWebhookHandler, readSendStatuses, type SendStatus } from '../../src/webhook.js'
import { callOptions, catchError, createApis, phoneNumberId } from './start-api.js'

const apis = createApis()
afterEach(apis.close)

const sticker = { body: Buffer.from('RIFFxxxxWEBPVP8 '), mimeType: 'image/webp' }

const status = (more: object = {}) =>
  ({
    ...{ messageId: 'wamid.x', timestamp: '', receivedAt: '', phoneNumberId, businessAccountId: '1', status: 'failed' },
    ...{ media: { mediaId: '1761', cacheKey: 'k' }, failure: { kind: 'media', errorCode: 131053, advice: '' } },
    ...more,
  }) as SendStatus

const createCache = async () => {
  const mediaIds = createMemoryMediaIds()
  await mediaIds.set('k', { mediaId: '1761', expiresAt: new Date(Date.now() + 86_400_000).toISOString() })
  return mediaIds
}

describe('dropFailedMedia', () => {
  it('a failed message drops the id that it was sent with, and the next one uploads anew', async () => {
    const api = await apis.start({ appSecret: 'of a test' })
    const mediaIds = createMemoryMediaIds()
    const options = { ...callOptions(api), phoneNumberId, mediaIds }
    const message = { to: '+15550001111', media: sticker, callbackData: 'row 7' }
    const { messageId, mediaId = '' } = await sendMediaMessage(message, options)
    const dropped: string[] = []
    const seen: SendStatus[] = []
    const handler = createWebhookHandler({
      ...{ appSecret: 'of a test', verifyToken: 'of a test' },
      async onPayload(payload, delivery) {
        const statuses = readSendStatuses(payload, delivery)
        seen.push(...statuses)
        dropped.push(...(await dropFailedMedia(statuses, { mediaIds })))
      },
    })
    const told = api.takeStatuses()
    expect(told.map((each) => each.status)).toEqual(['sent', 'delivered'])
    const failed = told.slice(0, 1).map((each) => ({ ...each, status: 'failed' as const, errorCode: 131053 }))
    expect(await deliver(handler, buildWebhook(failed), { appSecret: 'of a test' })).toMatchObject({ status: 200 })
    expect(seen).toMatchObject([
      {
        messageId,
        status: 'failed',
        to: '15550001111',
        callbackData: 'row 7',
        media: { mediaId },
        failure: { kind: 'media' },
      },
    ])
    expect(dropped).toEqual([mediaId])
    await sendMediaMessage(message, options)
    expect(api.uploads).toHaveLength(2)
    await handler.close()
  })

  it.each<[string, object]>([
    ['another failure', { failure: { kind: 'window', advice: '' } }],
    ['no failure', { status: 'read', failure: undefined }],
    ['no media', { media: undefined }],
    ['media that is in no cache', { media: { mediaId: '1761' } }],
    ['another id', { media: { mediaId: '1762', cacheKey: 'k' } }],
    ['another key', { media: { mediaId: '1761', cacheKey: 'l' } }],
  ])('keeps the id for %s', async (_name, more) => {
    const mediaIds = await createCache()
    expect(await dropFailedMedia([status(more)], { mediaIds })).toEqual([])
    expect(await mediaIds.get('k')).toMatchObject({ mediaId: '1761' })
  })

  it('drops an id once', async () => {
    const mediaIds = await createCache()
    expect(await dropFailedMedia([status(), status()], { mediaIds })).toEqual(['1761'])
    expect(await mediaIds.get('k')).toBeUndefined()
  })

  it('survives a cache that throws, and tells', async () => {
    const events: unknown[] = []
    const mediaIds = { ...createMemoryMediaIds(), get: () => Promise.reject(new Error('down')) }
    const onEvent: DropMediaOptions['onEvent'] = (event) => events.push(event)
    expect(await dropFailedMedia([status()], { mediaIds, onEvent })).toEqual([])
    expect(events).toMatchObject([{ type: 'media-ids-failed', error: { operation: 'get' } }])
  })

  it.each<[string, unknown, object, string]>([
    ['one status', status(), {}, 'statuses'],
    ['no cache', [], { mediaIds: undefined }, 'mediaIds'],
    ['half a cache', [], { mediaIds: { get() {} } }, 'mediaIds'],
    ['a slip', [], { onevent: () => {} }, 'onevent'],
    ['no function', [], { onEvent: 7 }, 'onEvent'],
    ['no time', [], { mediaIdsTimeoutMs: 0 }, 'mediaIdsTimeoutMs'],
  ])('refuses %s', async (_name, statuses, more, option) => {
    const options = { mediaIds: createMemoryMediaIds(), ...more } as DropMediaOptions
    expect(await catchError(dropFailedMedia(statuses as SendStatus[], options))).toMatchObject({ option })
  })
})
