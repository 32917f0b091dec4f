import { execFile } from 'node:child_process'
import { createHash, createHmac } from 'node:crypto'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { buildWebhook } from '../../src/testing/build-webhook.js'
import {
  type AddedMedia,
  createFakeCloudApi,
  type FakeCloudApi,
  type FakeMedia,
} from '../../src/testing/fake-cloud-api.js'
import { createGeneratedBytes } from '../../src/testing/generated-bytes.js'
import { extractMedia } from '../../src/webhook/extract.js'

const png = Buffer.from('Wikipedia')
const sha256 = createHash('sha256').update(png).digest('hex')
const START = Date.UTC(2026, 4, 1, 12)

let api: FakeCloudApi
let clock: number

beforeEach(async () => {
  clock = START
  api = await createFakeCloudApi({ now: () => clock })
})

afterEach(async () => {
  await api.close()
})

const bearer = (token = api.accessToken): Record<string, string> => ({ authorization: `Bearer ${token}` })

const add = (more: Partial<FakeMedia> = {}): Promise<AddedMedia> =>
  api.addMedia({ bytes: png, mimeType: 'image/png', mediaType: 'image', ...more })

const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${api.origin}${path}`, { headers: bearer(), ...init })

const lookUp = (mediaId: string, query = ''): Promise<Response> => ask(`/v25.0/${mediaId}${query}`)

const mediaUrl = async (mediaId: string): Promise<URL> => {
  const { url }: { url: string } = JSON.parse(await (await lookUp(mediaId)).text())
  return new URL(url)
}

const expectGraphError = async (response: Response, status: number, error: object): Promise<void> => {
  expect(response.status).toBe(status)
  expect(response.headers.get('www-authenticate')).toMatch(/^OAuth "Facebook Platform" "invalid_request" "/)
  expect(response.headers.get('x-app-usage')).toContain('call_count')
  expect(JSON.parse(await response.text())).toEqual({
    error: { message: expect.any(String), fbtrace_id: expect.stringMatching(/^A[\w-]{23}$/), ...error },
  })
}

const GONE = { type: 'GraphMethodException', code: 100, error_subcode: 33 }

describe('look-up', () => {
  it('answers in the wire form: escaped slashes, hex hash, numeric size', async () => {
    const { mediaId } = await add()
    const response = await lookUp(mediaId)
    const text = await response.text()
    expect(response.status).toBe(200)
    expect(text).not.toMatch(/[^\\]\//)
    expect(text).toContain('"mime_type":"image\\/png"')
    expect(JSON.parse(text)).toEqual({
      url: expect.stringContaining(`${api.origin}/whatsapp_business/attachments/?mid=${mediaId}&source=getMedia&ext=`),
      mime_type: 'image/png',
      sha256,
      file_size: png.length,
      id: mediaId,
      messaging_product: 'whatsapp',
    })
  })

  it('sends the headers of the Graph API', async () => {
    const { mediaId } = await add()
    const { headers } = await lookUp(mediaId)
    expect(headers.get('cache-control')).toBe('private, no-cache, no-store')
    expect(headers.get('facebook-api-version')).toBe('v25.0')
    expect(headers.get('x-fb-trace-id')).toMatch(/^A/)
    expect(headers.get('etag')).toMatch(/^"/)
    expect(JSON.parse(headers.get('x-business-use-case-usage') ?? '')).toEqual({
      '102290129340398': [expect.objectContaining({ type: 'whatsapp', estimated_time_to_regain_access: 0 })],
    })
  })

  it('takes paths with and without a version', async () => {
    const { mediaId } = await add({ mediaId: 'a media/id&x' })
    expect((await ask(`/${encodeURIComponent(mediaId)}`)).status).toBe(200)
    const url = await mediaUrl(encodeURIComponent(mediaId))
    expect(url.searchParams.get('mid')).toBe(mediaId)
    expect((await fetch(url, { headers: bearer() })).status).toBe(200)
  })

  it('knows an id for seven days', async () => {
    const { mediaId } = await add()
    clock += 7 * 86_400_000
    expect((await lookUp(mediaId)).status).toBe(200)
    clock += 1
    await expectGraphError(await lookUp(mediaId), 400, GONE)
  })

  it('knows an id for mediaLifetimeMs', async () => {
    const brief = await createFakeCloudApi({ now: () => clock, mediaLifetimeMs: 10, accessToken: 'EAAbrief' })
    try {
      const { mediaId } = await brief.addMedia({ bytes: png, mimeType: 'image/png', mediaType: 'image' })
      clock += 11
      expect((await fetch(`${brief.origin}/v25.0/${mediaId}`, { headers: bearer('EAAbrief') })).status).toBe(400)
    } finally {
      await brief.close()
    }
  })

  it('refuses an unknown id', async () => {
    await expectGraphError(await lookUp('123'), 400, GONE)
  })

  it.each([undefined, 'Bearer wrong', 'OAuth x'])('refuses the authorization %s', async (authorization) => {
    const { mediaId } = await add()
    const headers = authorization === undefined ? {} : { authorization }
    await expectGraphError(await ask(`/v25.0/${mediaId}`, { headers }), 401, { type: 'OAuthException', code: 190 })
  })

  it('refuses the media of another phone number', async () => {
    const { mediaId } = await add({ phoneNumberId: '777' })
    expect((await lookUp(mediaId, '?phone_number_id=777')).status).toBe(200)
    await expectGraphError(await lookUp(mediaId, '?phone_number_id=778'), 400, GONE)
  })

  it('refuses other paths', async () => {
    expect((await ask('/v25.0/1/2')).status).toBe(404)
    expect(api.requests.map(({ kind }) => kind)).toEqual(['other'])
  })
})

describe('appsecret_proof', () => {
  const WRONG = { type: 'GraphMethodException', code: 100 }
  const proof = createHmac('sha256', 'a secret').update('EAAtoken').digest('hex')

  const withProof = async (requireProof: boolean, query: string): Promise<Response> => {
    await api.close()
    api = await createFakeCloudApi({ accessToken: 'EAAtoken', appSecret: 'a secret', requireProof })
    return lookUp((await add()).mediaId, query)
  }

  it('is checked where it is sent', async () => {
    expect((await withProof(false, '')).status).toBe(200)
    expect((await withProof(false, `?appsecret_proof=${proof}`)).status).toBe(200)
    await expectGraphError(await withProof(false, '?appsecret_proof=00'), 400, WRONG)
  })

  it('is demanded by requireProof', async () => {
    await expectGraphError(await withProof(true, ''), 400, WRONG)
    expect((await withProof(true, `?appsecret_proof=${proof}`)).status).toBe(200)
  })
})

describe('download', () => {
  it('answers the bytes with the unquoted headers of the media host', async () => {
    const { mediaId } = await add()
    const response = await fetch(await mediaUrl(mediaId), { headers: bearer() })
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(png.length),
      'content-disposition': 'inline;filename=whatsapp.png',
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-cache, no-store',
      etag: expect.stringMatching(/^\d+$/),
      // The best known example of adler32: `Wikipedia` gives 0x11e60398.
      'content-digest': 'adler32=300286872',
    })
    expect(Buffer.from(await response.arrayBuffer())).toEqual(png)
  })

  it('sums long bodies as zlib does', async () => {
    const { mediaId } = await add({ bytes: Buffer.alloc(70_000, 0xff) })
    const { headers } = await fetch(await mediaUrl(mediaId), { headers: bearer() })
    expect(headers.get('content-digest')).toBe('adler32=707292801')
  })

  it('refuses without the token', async () => {
    const url = await mediaUrl((await add()).mediaId)
    expect((await fetch(url)).status).toBe(401)
    expect((await fetch(url, { headers: bearer('wrong') })).status).toBe(401)
  })

  it('answers an expired URL with an HTML page', async () => {
    const url = await mediaUrl((await add()).mediaId)
    expect(url.searchParams.get('ext')).toBe(String(START / 1_000 + 300))
    clock += 300_000
    expect((await fetch(url, { headers: bearer() })).status).toBe(200)
    clock += 1
    const response = await fetch(url, { headers: bearer() })
    expect(response.status).toBe(404)
    expect(response.headers.get('content-type')).toBe('text/html')
    expect(await response.text()).toMatch(/^<!DOCTYPE html>/)
  })

  it.each([
    ['hash', 'AAAA'],
    ['ext', '99999999999'],
    ['ext', 'soon'],
    ['mid', '42'],
  ])('refuses a URL whose %s was changed', async (name, value) => {
    await add({ mediaId: '42' })
    const url = await mediaUrl((await add()).mediaId)
    url.searchParams.set(name, value)
    expect((await fetch(url, { headers: bearer() })).status).toBe(404)
    url.searchParams.delete(name)
    expect((await fetch(url, { headers: bearer() })).status).toBe(404)
  })

  it('streams generated bytes', async () => {
    const bytes = createGeneratedBytes({ size: 300_001 })
    const { mediaId, size } = await add({ bytes })
    const response = await fetch(await mediaUrl(mediaId), { headers: bearer() })
    expect(size).toBe(300_001)
    expect(response.headers.get('content-length')).toBe('300001')
    expect(response.headers.has('content-digest')).toBe(false)
    const body = Buffer.from(await response.arrayBuffer())
    expect(createHash('sha256').update(body).digest('hex')).toBe(bytes.sha256)
  })
})

describe('what cannot be answered', () => {
  it('ends the connection when the stream of the media fails', async () => {
    const bytes = {
      size: 10,
      sha256,
      stream: () => new Readable({ read: (): void => {}, construct: (done) => done(new Error('gone')) }),
    }
    const { mediaId } = await add({ bytes })
    await expect(
      mediaUrl(mediaId)
        .then((url) => fetch(url, { headers: bearer() }))
        .then((r) => r.text()),
    ).rejects.toThrow()
    expect((await lookUp(mediaId)).status).toBe(200)
  })

  it('ends the connection when the id is no URL text', async () => {
    await expect(lookUp('%E0%A4%A')).rejects.toThrow()
    expect((await ask('//')).status).toBe(404)
  })
})

describe('deletion', () => {
  it('forgets the media', async () => {
    const { mediaId } = await add()
    const response = await ask(`/v25.0/${mediaId}`, { method: 'DELETE' })
    expect(await response.text()).toBe('{"success":true}')
    await expectGraphError(await lookUp(mediaId), 400, GONE)
  })

  it('refuses an unknown id as Meta does', async () => {
    const response = await ask('/v25.0/123', { method: 'DELETE' })
    await expectGraphError(response, 400, {
      message: '(#100) Invalid post_id parameter',
      type: 'OAuthException',
      code: 100,
    })
  })

  it('refuses without the token, and keeps the media', async () => {
    const { mediaId } = await add()
    expect((await ask(`/v25.0/${mediaId}`, { method: 'DELETE', headers: {} })).status).toBe(401)
    expect((await lookUp(mediaId)).status).toBe(200)
  })
})

describe('addMedia', () => {
  it('gives a webhook object with base64 hash and a URL that works', async () => {
    const { mediaObject, mediaId } = await add({ caption: 'Our roof' })
    expect(mediaObject).toEqual({
      caption: 'Our roof',
      mime_type: 'image/png',
      sha256: Buffer.from(sha256, 'hex').toString('base64'),
      id: mediaId,
      url: expect.stringContaining('&source=webhook&ext='),
    })
    expect((await fetch(String(mediaObject['url']), { headers: bearer() })).status).toBe(200)
  })

  it.each([
    ['image', { caption: 'Our roof' }],
    ['document', { filename: 'Vertrag für März.pdf' }],
    ['audio', { voice: true }],
    ['sticker', { animated: true }],
  ] as const)('gives the reference that extractMedia makes of a webhook with its %s', async (mediaType, more) => {
    const { mediaObject, reference } = await add({ mediaType, ...more })
    const { messageId, timestamp } = reference
    const payload = buildWebhook([{ media: { type: mediaType, object: mediaObject }, messageId, timestamp }])
    expect(extractMedia(payload).media).toEqual([{ ...reference, receivedAt: expect.any(String) }])
  })

  it('announces another hash, or none, when asked to', async () => {
    const other = 'ab'.repeat(32)
    const lied = await add({ announceSha256: other })
    expect(lied).toMatchObject({ sha256, reference: { sha256: other } })
    expect(lied.mediaObject['sha256']).toBe(Buffer.from(other, 'hex').toString('base64'))
    expect(await (await lookUp(lied.mediaId)).json()).toMatchObject({ sha256: other })
    const silent = await add({ announceSha256: false })
    expect(silent.sha256).toBe(sha256)
    expect(silent.reference).not.toHaveProperty('sha256')
    expect(silent.mediaObject).not.toHaveProperty('sha256')
    expect(await (await lookUp(silent.mediaId)).json()).not.toHaveProperty('sha256')
  })

  it('leaves nothing but the reference in the reference', async () => {
    const { reference } = await add({ announceSha256: sha256 })
    expect(Object.keys(reference).sort()).toEqual(
      [
        'businessAccountId',
        'contact',
        'direction',
        'downloadUrl',
        'downloadUrlExpiresAt',
        'from',
        'mediaId',
        'mediaType',
        'messageId',
        'mimeType',
        'origin',
        'phoneNumberId',
        'receivedAt',
        'sha256',
        'timestamp',
      ].sort(),
    )
    expect(structuredClone(reference)).toEqual(reference)
  })
})

describe('requests', () => {
  it('reports kind, method, path, headers and status', async () => {
    const { mediaId } = await add()
    await fetch(await mediaUrl(mediaId))
    await ask(`/v25.0/${mediaId}`, { method: 'DELETE', headers: { ...bearer(), 'x-mine': 'yes' } })
    expect(api.requests.map(({ kind, method, status }) => [kind, method, status])).toEqual([
      ['look-up', 'GET', 200],
      ['download', 'GET', 401],
      ['delete', 'DELETE', 200],
    ])
    expect(api.requests.at(-1)).toMatchObject({ url: `/v25.0/${mediaId}`, headers: { 'x-mine': 'yes' } })
  })
})

describe('close', () => {
  it('lets the process end in the middle of every fault', async () => {
    const script = `
      import { createFakeCloudApi } from './src/testing/fake-cloud-api.ts'
      const api = await createFakeCloudApi()
      const headers = { authorization: 'Bearer ' + api.accessToken }
      const asked = []
      for (const fault of [
        { kind: 'stall' }, { kind: 'stall', afterBytes: 2 }, { kind: 'endless' }, { kind: 'drip', everyMs: 100 },
      ]) {
        const { reference, mediaId } = await api.addMedia({
          bytes: Buffer.alloc(100), mimeType: 'image/png', mediaType: 'image',
        })
        api.fail({ on: 'download', mediaId, ...fault })
        asked.push(fetch(reference.downloadUrl, { headers }).catch(() => {}))
      }
      while (api.requests.length < asked.length) await new Promise(setImmediate)
      await api.close()
      await Promise.all(asked)
      console.log('closed')`
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script]
    // A timer or socket left behind would keep the child alive until this limit kills it.
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 15_000 })
    expect(stdout).toBe('closed\n')
  })
})
