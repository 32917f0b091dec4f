import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { downloadMediaFromWhatsApp } from '../../src/download.js'
import type { HttpClient } from '../../src/http.js'

const bytes = Buffer.from('%PDF-1.7 a contract')
const size = bytes.length

/** A Cloud API that knows one file, and whose media host answers so. */
function answerWith(status: number, headers: Record<string, string>, body: Uint8Array = bytes): HttpClient {
  const found = {
    ...{ url: 'https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1', mime_type: 'application/pdf' },
    ...{ sha256: createHash('sha256').update(bytes).digest('hex'), file_size: size, id: '1013859600285441' },
  }
  return async ({ url }) =>
    url.startsWith('https://graph.facebook.com/')
      ? { status: 200, headers: { 'content-type': 'application/json' }, body: Readable.from([JSON.stringify(found)]) }
      : { status, headers: { 'content-type': 'application/pdf', ...headers }, body: Readable.from([body]) }
}

const download = async (http: HttpClient): Promise<Buffer> => {
  const { body } = await downloadMediaFromWhatsApp('1013859600285441', { accessToken: 'token', http })
  return Buffer.concat(await body.toArray())
}

describe('an answer of the media host', () => {
  it.each<[number, Record<string, string>]>([
    [200, {}],
    [200, { 'content-length': String(size) }],
    [201, {}],
    [202, {}],
    [203, { 'content-length': String(size) }],
    [206, { 'content-range': `bytes 0-${size - 1}/${size}`, 'content-length': String(size) }],
    [206, { 'content-range': ` Bytes 0-${size - 1}/${size} ` }],
  ])('is the file: %i %j', async (status, headers) => {
    expect(await download(answerWith(status, headers))).toEqual(bytes)
  })

  it.each<[number, Record<string, string>]>([
    [204, {}],
    [205, {}],
    [206, {}],
    [206, { 'content-range': `bytes 1-${size - 1}/${size}` }],
    [206, { 'content-range': `bytes 0-${size - 2}/${size}` }],
    [206, { 'content-range': `bytes 0-${size - 1}/*` }],
    [206, { 'content-range': 'bytes */7' }],
  ])('is no file, and another one may be: %i %j', async (status, headers) => {
    await expect(download(answerWith(status, headers))).rejects.toMatchObject({
      ...{ code: 'download-failed', status, retryable: true },
      message: expect.stringContaining(`HTTP ${status}`),
    })
  })

  it('is proven, whatever its status', async () => {
    const other = Buffer.from('%PDF-1.7 another on')
    await expect(download(answerWith(203, {}, other))).rejects.toMatchObject({ code: 'integrity-mismatch' })
  })

  it('that refuses stays final', async () => {
    await expect(download(answerWith(418, {}))).rejects.toMatchObject({ status: 418, retryable: false })
  })
})
