import { afterEach, describe, expect, it } from 'vitest'
import { type DeleteMediaOptions, deleteMediaFromWhatsApp, uploadMediaToWhatsApp } from '../../src/index.js'
import { callOptions, catchError, createApis, phoneNumberId } from './start-api.js'

const apis = createApis()
afterEach(apis.close)

async function startWithMedia(options = {}) {
  const api = await apis.start({ phoneNumberIds: [phoneNumberId, '2000'], ...options })
  const call = { ...callOptions(api), ...('appSecret' in options ? { appSecret: 'of-a-test' } : {}) }
  const source = { body: Buffer.from('hello'), mimeType: 'text/plain' }
  const { mediaId } = await uploadMediaToWhatsApp(source, { ...call, phoneNumberId })
  const remove = (id = mediaId, more: Partial<DeleteMediaOptions> = {}) =>
    deleteMediaFromWhatsApp(id, { ...call, ...more })
  return { api, mediaId, remove }
}

describe('deleteMediaFromWhatsApp', () => {
  it('deletes media once', async () => {
    const { api, mediaId, remove } = await startWithMedia()
    await remove()
    expect(api.requests.at(-1)).toMatchObject({
      kind: 'delete',
      method: 'DELETE',
      url: `/v25.0/${mediaId}`,
      status: 200,
    })
    expect(await catchError(remove())).toMatchObject({ code: 'media-gone', mediaId, graphCode: 100 })
  })

  it('deletes media of the phone number alone', async () => {
    const { api, mediaId, remove } = await startWithMedia()
    const error = await catchError(remove(mediaId, { phoneNumberId: '2000' }))
    expect(error).toMatchObject({ code: 'media-gone', subcode: 33 })
    expect(api.requests.at(-1)?.url).toMatch(/\?phone_number_id=2000$/)
    await remove(mediaId, { phoneNumberId })
  })

  it('carries the proof of the app secret', async () => {
    const { remove } = await startWithMedia({ appSecret: 'of-a-test', requireProof: true })
    await remove()
  })

  it('has deleted what is gone after an answer was lost', async () => {
    const { api, remove } = await startWithMedia()
    api.fail({ on: 'delete', kind: 'reset', times: 1 })
    await remove()
    expect(api.requests.map(({ kind, status }) => [kind, status]).slice(1)).toEqual([
      ['delete', undefined],
      ['delete', 400],
    ])
  })

  it('tries again after a fault that passes, and not after others', async () => {
    const { api, remove } = await startWithMedia()
    api.fail({ on: 'delete', kind: 'status', status: 503, times: 1 })
    api.fail({ on: 'delete', kind: 'status', status: 403, times: 1 })
    expect(await catchError(remove())).toMatchObject({ code: 'graph-api', status: 403, retryable: false })
    expect(api.requests).toHaveLength(3)
  })

  it('believes no answer but success', async () => {
    const { api, remove } = await startWithMedia()
    api.fail({ on: 'delete', kind: 'html-page' })
    expect(await catchError(remove('2', { attempts: 1 }))).toMatchObject({ code: 'media-gone' })
    const error = await catchError(remove(undefined, { attempts: 1 }))
    expect(error).toMatchObject({ code: 'graph-unreachable', message: expect.stringContaining('media is deleted') })
  })

  it.each([['..'], ['.'], [''], [7 as never], [undefined as never]])('refuses the id %j', async (mediaId) => {
    const work = deleteMediaFromWhatsApp(mediaId, { accessToken: 'of-a-test' })
    expect(await catchError(work)).toMatchObject({ code: 'invalid-option', option: 'mediaId' })
  })

  it.each(['+15550001111', '../7', '', 'a b'])('refuses the phone number id %j', async (id) => {
    const work = deleteMediaFromWhatsApp('7', { accessToken: 'of-a-test', phoneNumberId: id })
    expect(await catchError(work)).toMatchObject({ code: 'invalid-option', option: 'phoneNumberId' })
  })
})
