import { afterEach, describe, expect, it } from 'vitest'
import { type OutboundSource, type TemplateMediaOptions, uploadTemplateMedia, uploadToS3 } from '../../src/index.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { FakeCloudApi } from '../../src/testing.js'
import { BYTES, callOptions, catchError, createApis, streamInPieces } from './start-api.js'

const apis = createApis()
afterEach(apis.close)

const PDF = { body: BYTES, mimeType: 'application/pdf' }

function upload(api: FakeCloudApi, source: OutboundSource = PDF, more: Partial<TemplateMediaOptions> = {}) {
  return uploadTemplateMedia(source, { appId: '670843887433847', header: 'document', ...callOptions(api), ...more })
}

function expectWhole(api: FakeCloudApi, handle: string): void {
  const whole = api.listTemplateUploads().filter((each) => each.handle === handle)
  expect(whole).toHaveLength(1)
  expect(BYTES.equals(whole[0]?.bytes ?? Buffer.alloc(0))).toBe(true)
}

describe('uploadTemplateMedia', () => {
  it('begins an upload, sends it with the token in its own scheme, and returns the handle', async () => {
    const api = await apis.start()
    const { handle } = await upload(api, { ...PDF, filename: 'Price list.docx' })
    expectWhole(api, handle)
    const [begin, send, ...more] = api.requests
    expect(more).toEqual([])
    const query = new URLSearchParams(begin?.url.split('?')[1])
    expect(Object.fromEntries(query)).toEqual({
      file_name: 'Price list.pdf',
      file_length: '400000',
      file_type: 'application/pdf',
    })
    expect(begin).toMatchObject({ kind: 'template', method: 'POST', status: 200 })
    expect(begin?.headers.authorization).toBe(`Bearer ${api.accessToken}`)
    expect(send).toMatchObject({ kind: 'template', method: 'POST', status: 200 })
    const { authorization, file_offset, 'content-length': length } = send?.headers ?? {}
    expect({ authorization, file_offset, length }).toEqual({
      authorization: `OAuth ${api.accessToken}`,
      file_offset: '0',
      length: '400000',
    })
  })

  it.each<[name: string, (storageKey: string) => OutboundSource | Promise<OutboundSource>]>([
    ['bytes', () => PDF],
    ['a stream', () => ({ ...PDF, body: streamInPieces(BYTES) })],
    ['a stream of known size', () => ({ ...PDF, body: streamInPieces(BYTES), size: BYTES.length })],
    ['a Blob', () => ({ ...PDF, body: new Blob([Uint8Array.from(BYTES)]) })],
    [
      'an object of a storage',
      async (key) => {
        const storage = createMemoryStorage()
        await uploadToS3(BYTES, { storage, key, mimeType: 'application/pdf', sniff: 'trust' })
        return { storage, key }
      },
    ],
  ])('goes on with %s where Meta says that it ended', async (_name, toSource) => {
    const api = await apis.start()
    api.fail({ on: 'template', kind: 'reset', afterBytes: 150_000, times: 1 })
    api.fail({ on: 'template', kind: 'close-early', afterBytes: 100_000, times: 1 })
    const { handle } = await upload(api, await toSource('a/b.pdf'))
    expectWhole(api, handle)
    expect(api.requests.map(({ method }) => method).join(' ')).toBe('POST POST GET POST GET POST')
    const offsets = api.requests.flatMap(({ headers }) => headers['file_offset'] ?? []).map(Number)
    expect(offsets[0]).toBe(0)
    expect(offsets[1]).toBeGreaterThanOrEqual(150_000)
    expect(offsets[2]).toBeGreaterThanOrEqual(Number(offsets[1]) + 100_000)
  })

  it('begins anew with an object that was replaced meanwhile', async () => {
    const api = await apis.start()
    const storage = createMemoryStorage()
    const key = 'a/b.pdf'
    const earlier = Buffer.alloc(BYTES.length, 'earlier')
    const put = { storage, key, mimeType: 'application/pdf', sniff: 'trust' } as const
    await uploadToS3(earlier, put)
    api.fail({ on: 'template', kind: 'reset', afterBytes: 150_000, times: 1 })
    const replace = async (): Promise<void> => {
      await storage.delete(key)
      await uploadToS3(BYTES, put)
    }
    let replaced: Promise<void> | undefined
    const get: typeof storage.get = async (name, options) => {
      await replaced
      const found = await storage.get(name, options)
      replaced ??= replace()
      return found
    }
    expectWhole(api, (await upload(api, { storage: { ...storage, get }, key })).handle)
  })

  it('asks for the handle alone when all bytes had come and the answer was lost', async () => {
    const api = await apis.start()
    api.fail({ on: 'template', kind: 'reset', times: 1 })
    const { handle } = await upload(api)
    expectWhole(api, handle)
    expect(api.requests.at(-1)?.headers).toMatchObject({ file_offset: '400000', 'content-length': '0' })
  })

  it('begins anew when Meta no longer knows the upload', async () => {
    const api = await apis.start()
    api.fail({ on: 'template', kind: 'status', status: 503, times: 1 })
    api.fail({ on: 'template-offset', kind: 'status', status: 400, times: 1 })
    const { handle } = await upload(api)
    expectWhole(api, handle)
    expect(api.listTemplateUploads()).toHaveLength(2)
  })

  it('does not begin anew when Meta is out of reach', async () => {
    const api = await apis.start()
    api.fail({ on: 'template', kind: 'status', status: 503, times: 1 })
    api.fail({ on: 'template-offset', kind: 'status', status: 503, times: 1 })
    const { handle } = await upload(api)
    expectWhole(api, handle)
    expect(api.listTemplateUploads()).toHaveLength(1)
  })

  it('begins anew when the offset is none', async () => {
    const api = await apis.start()
    api.fail({ on: 'template', kind: 'status', status: 503, times: 1 })
    api.fail({ on: 'template-offset', kind: 'json-page', times: 1 })
    const { handle } = await upload(api)
    expectWhole(api, handle)
    expect(api.listTemplateUploads()).toHaveLength(2)
  })

  it.each(['begin', 'send'] as const)('believes no strange answer: %s', async (step) => {
    const api = await apis.start()
    api.fail({ on: step === 'begin' ? 'template-begin' : 'template', kind: 'json-page' })
    const error = await catchError(upload(api, PDF, { attempts: 1 }))
    const what = step === 'begin' ? 'no upload id' : 'no handle'
    expect(error).toMatchObject({ code: 'graph-unreachable', message: expect.stringContaining(what) })
  })

  it('leaves the headers of a provider as they are', async () => {
    const api = await apis.start()
    const authorization = (token: string) => ({ 'd360-api-key': token })
    const cloudApi = { ...api.cloudApi, authorization }
    expect(await catchError(upload(api, PDF, { cloudApi }))).toMatchObject({ code: 'access-token' })
    expect(api.requests[0]?.headers).toMatchObject({ 'd360-api-key': api.accessToken })
  })

  it('refuses before anything is asked', async () => {
    const api = await apis.start()
    const large = { body: Buffer.alloc(3_670_017), mimeType: 'video/mp4' }
    expect(await catchError(upload(api, large, { header: 'gif' }))).toMatchObject({
      ...{ code: 'outbound-limit', kind: 'gif header', limitBytes: 3_670_016, bytes: 3_670_017 },
    })
    const endless = { body: streamInPieces(Buffer.alloc(3_670_017)), size: 3_670_017, mimeType: 'video/mp4' }
    expect(await catchError(upload(api, endless, { header: 'gif' }))).toMatchObject({ code: 'outbound-limit' })
    expect(await catchError(upload(api, PDF, { header: 'image' }))).toMatchObject({
      ...{ code: 'outbound-type', kind: 'image header', mimeType: 'application/pdf' },
    })
    expect(await catchError(upload(api, PDF, { header: 'audio' as never }))).toMatchObject({ option: 'header' })
    expect(await catchError(upload(api, PDF, { appId: 'a/b' }))).toMatchObject({ option: 'appId' })
    expect(api.requests).toEqual([])
  })
})
