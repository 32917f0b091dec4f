import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { uploadMediaToWhatsApp } from '../../../src/index.js'
import { createFakeCloudApi, type FakeCloudApi, type Fault } from '../../../src/testing.js'

const SECRET = 'of-a-test'
let api: FakeCloudApi

beforeAll(async () => {
  api = await createFakeCloudApi({ appSecret: SECRET, phoneNumberIds: ['1', '2'] })
})
afterAll(() => api.close())

interface Sent {
  phoneNumberId?: string
  fields?: Record<string, string>
  file?: Blob | undefined
  filename?: string
  headers?: Record<string, string>
  query?: string
}

function post({ phoneNumberId = '1', fields, file = PDF, filename = 'a.pdf', headers, query = '' }: Sent) {
  const body = new FormData()
  for (const [name, value] of Object.entries(fields ?? FIELDS)) body.set(name, value)
  if (file.size >= 0 && file !== NO_FILE) body.set('file', file, filename)
  const url = `${api.origin}/v25.0/${phoneNumberId}/media${query}`
  return fetch(url, { method: 'POST', body, headers: { authorization: `Bearer ${api.accessToken}`, ...headers } })
}

const FIELDS = { messaging_product: 'whatsapp', type: 'application/pdf' }
const PDF = new Blob(['%PDF-1.7'], { type: 'application/pdf' })
const NO_FILE = new Blob([])

describe('an upload to the fake API', () => {
  it('is kept as it came, and has a media id', async () => {
    const response = await post({ phoneNumberId: '2', filename: 'ü.pdf', fields: { ...FIELDS, ttl_minutes: '60' } })
    expect(response.status).toBe(200)
    const kept = api.uploads.at(-1)
    expect(await response.json()).toEqual({ id: kept?.mediaId })
    expect(kept).toMatchObject({
      ...{ phoneNumberId: '2', filename: 'ü.pdf', mimeType: 'application/pdf', bytes: Buffer.from('%PDF-1.7') },
      fields: { ...FIELDS, ttl_minutes: '60' },
    })
  })

  const refused: [name: string, sent: Sent, status: number, message: RegExp][] = [
    ['another token', { headers: { authorization: 'Bearer x' } }, 401, /access token/],
    ['a wrong proof', { query: '?appsecret_proof=00' }, 400, /Invalid appsecret_proof/],
    ['an unknown number', { phoneNumberId: '3' }, 400, /does not exist/],
    ['no product', { fields: { type: 'application/pdf' } }, 400, /messaging_product is required/],
    ['another product', { fields: { ...FIELDS, messaging_product: 'x' } }, 400, /messaging_product is required/],
    ['no type', { fields: { messaging_product: 'whatsapp' } }, 400, /type is required/],
    ['no file', { file: NO_FILE }, 400, /file is required/],
    ['an empty file', { file: new Blob([], { type: 'application/pdf' }) }, 400, /file is required/],
    ['a file without type', { file: new Blob(['x']) }, 400, /one of the following types/],
    ['a type that is not taken', { fields: { ...FIELDS, type: 'image/gif' } }, 400, /one of the following types/],
    ['a ttl that is too short', { fields: { ...FIELDS, ttl_minutes: '59' } }, 400, /ttl_minutes/],
    ['a ttl that is too long', { fields: { ...FIELDS, ttl_minutes: '43201' } }, 400, /ttl_minutes/],
    ['a ttl that is no number', { fields: { ...FIELDS, ttl_minutes: '1h' } }, 400, /ttl_minutes/],
  ]
  it.each(refused)('is refused with %s', async (_name, sent, status, message) => {
    const { length } = api.uploads
    const response = await post(sent)
    expect(response.status).toBe(status)
    const error = { code: status === 401 ? 190 : 100, message: expect.stringMatching(message) }
    expect(await response.json()).toMatchObject({ error })
    expect(api.uploads).toHaveLength(length)
  })

  const WHOLE = '--b\r\ncontent-disposition: form-data; name="type"\r\n\r\nx\r\n--b--\r\n'
  it.each([
    ['no form at all', 'application/json', '{}'],
    ['no Content-Type', '', WHOLE],
    ['another boundary', 'multipart/form-data; boundary=c', WHOLE],
    ['a form that is cut off', 'multipart/form-data; boundary=b', WHOLE.slice(0, 40)],
    ['a part without a head', 'multipart/form-data; boundary=b', '--b\r\nx\r\n--b--\r\n'],
    ['a part without a name', 'multipart/form-data; boundary=b', '--b\r\nx: y\r\n\r\nx\r\n--b--\r\n'],
    ['no part', 'multipart/form-data; boundary=b', '--b--\r\n'],
  ])('is refused with %s', async (_name, contentType, text) => {
    const headers = { authorization: `Bearer ${api.accessToken}`, 'content-type': contentType }
    const response = await fetch(`${api.origin}/v25.0/1/media`, { method: 'POST', headers, body: Buffer.from(text) })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { code: 100 } })
  })

  it('can be read again for as long as it lives', async () => {
    let now = 1_800_000_000_000
    const aging = await createFakeCloudApi({ now: () => now, accessToken: 'of-a-test' })
    const upload = async (fields: Record<string, string>): Promise<string> => {
      const body = new FormData()
      for (const [name, value] of Object.entries(fields)) body.set(name, value)
      body.set('file', PDF, 'a.pdf')
      const headers = { authorization: 'Bearer of-a-test' }
      const response = await fetch(`${aging.origin}/v25.0/106540352242922/media`, { method: 'POST', headers, body })
      expect(response.status).toBe(200)
      return aging.uploads.at(-1)?.mediaId ?? ''
    }
    const ids = [await upload({ ...FIELDS, ttl_minutes: '60' }), await upload(FIELDS)]
    const look = () =>
      Promise.all(
        ids.map(async (id) => {
          const answer = await fetch(`${aging.origin}/v25.0/${id}`, { headers: { authorization: 'Bearer of-a-test' } })
          return answer.status
        }),
      )
    expect(await look()).toEqual([200, 200])
    now += 3_600_001
    expect(await look()).toEqual([400, 200])
    now += 30 * 86_400_000
    expect(await look()).toEqual([400, 400])
    await aging.close()
  })

  const body = Buffer.alloc(300_000, 'x')
  const upload = (faulty: FakeCloudApi) =>
    uploadMediaToWhatsApp(
      { body, mimeType: 'application/pdf' },
      {
        ...{ phoneNumberId: '106540352242922', accessToken: faulty.accessToken, cloudApi: faulty.cloudApi },
        ...{ attempts: 1, timeouts: { headersMs: 200 } },
      },
    )
  const faults: [fault: Fault, error: object, kept: number][] = [
    [{ on: 'upload', kind: 'stall', afterBytes: 70_000 }, { code: 'timeout', waitedFor: 'headers' }, 0],
    [{ on: 'upload', kind: 'close-early', afterBytes: 70_000 }, { code: 'graph-unreachable' }, 0],
    [{ on: 'upload', kind: 'reset', afterBytes: 70_000 }, { code: 'graph-unreachable' }, 0],
    [{ on: 'upload', kind: 'reset' }, { code: 'graph-unreachable' }, 1],
    [{ on: 'upload', kind: 'stall' }, { code: 'timeout', waitedFor: 'headers' }, 1],
    [{ on: 'upload', kind: 'status', status: 429 }, { code: 'graph-api', graphCode: 80_007, retryable: true }, 0],
    [{ on: 'upload', kind: 'redirect', to: 'http://127.0.0.1:1/' }, { code: 'graph-api', status: 302 }, 1],
    [{ on: 'upload', kind: 'html-page' }, { code: 'graph-unreachable' }, 1],
  ]
  it.each(faults)('suffers the fault %j', async (fault, error, kept) => {
    const faulty = await createFakeCloudApi()
    faulty.fail(fault)
    await expect(upload(faulty)).rejects.toMatchObject(error)
    expect(faulty.uploads).toHaveLength(kept)
    expect(faulty.requests).toHaveLength(1)
    await faulty.close()
  })
})
