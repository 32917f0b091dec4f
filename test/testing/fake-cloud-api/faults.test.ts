import { get, type IncomingHttpHeaders } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFakeCloudApi, type FakeCloudApi, type Fault } from '../../../src/testing/fake-cloud-api.js'

const bytes = Buffer.alloc(50_000, 'faulty')

let api: FakeCloudApi
let mediaId: string
let url: string

beforeEach(async () => {
  api = await createFakeCloudApi()
  const added = await api.addMedia({ bytes, mimeType: 'image/png', mediaType: 'image' })
  mediaId = added.mediaId
  url = added.reference.downloadUrl ?? ''
})

afterEach(async () => {
  await api.close()
})

interface Seen {
  status?: number
  headers?: IncomingHttpHeaders
  body: Buffer
  /** The code of the error that the exchange ended in. */
  error?: string | undefined
}

/** One GET over a connection of its own; leaves as soon as `enough` bytes have come. */
function ask(target: string, { enough = Number.POSITIVE_INFINITY } = {}): Promise<Seen> {
  return new Promise((resolve) => {
    const seen: Seen = { body: Buffer.alloc(0) }
    const headers = { authorization: `Bearer ${api.accessToken}` }
    const fail = ({ code }: NodeJS.ErrnoException): void => resolve({ ...seen, error: code })
    const request = get(target, { agent: false, headers }, (response) => {
      Object.assign(seen, { status: response.statusCode, headers: response.headers })
      response.on('data', (piece: Buffer) => {
        seen.body = Buffer.concat([seen.body, piece])
        if (seen.body.length < enough) return
        resolve(seen)
        request.destroy()
      })
      response.on('end', () => resolve(seen))
      response.on('error', fail)
      if (enough === 0) {
        resolve(seen)
        request.destroy()
      }
    })
    request.on('error', fail)
  })
}

const download = (fault: object, options?: { enough?: number }): Promise<Seen> => {
  api.fail({ on: 'download', ...fault } as Fault)
  return ask(url, options)
}

const lookUp = async (fault?: object): Promise<Seen> => {
  if (fault !== undefined) api.fail({ on: 'look-up', ...fault } as Fault)
  return ask(`${api.origin}/v25.0/${mediaId}`)
}

const length = ({ headers }: Seen): string | undefined => headers?.['content-length']

describe('fail', () => {
  it.each([
    [400, 100, 'GraphMethodException'],
    [401, 190, 'OAuthException'],
    [403, 10, 'OAuthException'],
    [404, 100, 'GraphMethodException'],
    [410, 100, 'GraphMethodException'],
    [429, 80007, 'OAuthException'],
    [500, 131000, 'OAuthException'],
    [503, 2, 'OAuthException'],
    [502, 1, 'OAuthException'],
  ])('status %i comes with the Graph code %i', async (status, code, type) => {
    const seen = await lookUp({ kind: 'status', status })
    expect(seen.status).toBe(status)
    expect(JSON.parse(String(seen.body))).toMatchObject({ error: { code, type, fbtrace_id: expect.any(String) } })
    expect(api.requests[0]).toMatchObject({ kind: 'look-up', status })
  })

  it('status takes a body and headers', async () => {
    const seen = await download({ kind: 'status', status: 429, body: 'slow', headers: { 'retry-after': '7' } })
    expect(seen).toMatchObject({ status: 429, headers: { 'retry-after': '7' }, body: Buffer.from('slow') })
  })

  it('reset comes before the answer', async () => {
    const seen = await download({ kind: 'reset' })
    expect(seen).toEqual({ error: 'ECONNRESET', body: Buffer.alloc(0) })
    expect(api.requests[0]).toMatchObject({ kind: 'download', status: undefined })
  })

  it('reset comes after so many bytes', async () => {
    const seen = await download({ kind: 'reset', afterBytes: 20_000 })
    expect(seen).toMatchObject({ status: 200, error: 'ECONNRESET' })
    expect(seen.body.length).toBeLessThanOrEqual(20_000)
  })

  it.each([
    [{ afterBytes: 20_000 }, 20_000],
    [{}, 25_000],
  ])('close-early %o ends the connection after %i bytes', async (more, received) => {
    const seen = await download({ kind: 'close-early', ...more })
    expect(seen).toMatchObject({ status: 200, error: 'ECONNRESET' })
    expect(length(seen)).toBe('50000')
    expect(seen.body).toEqual(bytes.subarray(0, received))
  })

  it('stall answers nothing until the API closes', async () => {
    api.fail({ on: 'download', kind: 'stall' })
    const asked = ask(url)
    await expect.poll(() => api.requests.length).toBe(1)
    await api.close()
    expect(await asked).toEqual({ error: 'ECONNRESET', body: Buffer.alloc(0) })
  })

  it('stall stops the body after so many bytes', async () => {
    const seen = await download({ kind: 'stall', afterBytes: 20_000 }, { enough: 20_000 })
    expect(length(seen)).toBe('50000')
    expect(seen.body).toEqual(bytes.subarray(0, 20_000))
  })

  it('drip sends all bytes', async () => {
    expect((await download({ kind: 'drip', bytes: 10_000, everyMs: 1 })).body).toEqual(bytes)
  })

  it.each([
    [{}, 10_000],
    [{ bytes: 5_000, everyMs: 2_000 }, 5_000],
  ])('drip %o sends a few bytes and waits', async (more, most) => {
    const { body } = await download({ kind: 'drip', ...more }, { enough: 1 })
    expect(body.length).toBeLessThanOrEqual(most)
    expect(body).toEqual(bytes.subarray(0, body.length))
  })

  it.each([{}, { offset: 16_384 }, { offset: 49_999 }])('flip-bit %o changes one bit', async (more) => {
    const seen = await download({ kind: 'flip-bit', ...more })
    const { offset = 0 } = more as { offset?: number }
    const expected = Buffer.from(bytes)
    expected.writeUInt8(expected.readUInt8(offset) ^ 1, offset)
    expect(seen.body).toEqual(expected)
    expect(length(seen)).toBe('50000')
  })

  it('leaves the media itself as it was', async () => {
    await download({ kind: 'flip-bit', times: 1 })
    expect((await ask(url)).body).toEqual(bytes)
  })

  it.each([
    ['short-body', bytes.subarray(0, 49_999)],
    ['long-body', Buffer.concat([bytes, Buffer.from('!')])],
    ['empty', Buffer.alloc(0)],
  ])('%s has a Content-Length that agrees', async (kind, body) => {
    const seen = await download({ kind })
    expect(seen).toMatchObject({ status: 200, body })
    expect(length(seen)).toBe(String(body.length))
    expect(seen.error).toBeUndefined()
  })

  it('html-page and json-page come with status 200', async () => {
    const page = await download({ kind: 'html-page', times: 1 })
    expect(page).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } })
    expect(String(page.body)).toMatch(/^<!DOCTYPE html>/)
    const json = await download({ kind: 'json-page' })
    expect(json).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } })
    expect(JSON.parse(String(json.body))).toEqual({ success: true })
  })

  it.each([
    [{}, 302],
    [{ status: 307 }, 307],
  ])('redirect %o answers %i', async (more, status) => {
    const seen = await download({ kind: 'redirect', to: 'https://elsewhere.example/x', ...more })
    expect(seen).toMatchObject({ status, headers: { location: 'https://elsewhere.example/x' } })
  })

  it('gzip is a bomb', async () => {
    const seen = await download({ kind: 'gzip' })
    expect(seen.headers?.['content-encoding']).toBe('gzip')
    expect(length(seen)).toBe(String(seen.body.length))
    expect(seen.body.length).toBeLessThan(100_000)
    expect(gunzipSync(seen.body)).toHaveLength(50_000_000)
  })

  it('endless has no length and goes on', async () => {
    const seen = await download({ kind: 'endless' }, { enough: 2_000_000 })
    expect(seen.headers).toMatchObject({ 'transfer-encoding': 'chunked' })
    expect(length(seen)).toBeUndefined()
    expect(seen.body.length).toBeGreaterThanOrEqual(2_000_000)
  })

  it('chunked sends the right bytes without a length', async () => {
    const seen = await download({ kind: 'chunked' })
    expect(seen.headers).toMatchObject({ 'transfer-encoding': 'chunked' })
    expect(seen.body).toEqual(bytes)
  })

  it('wrong-size, wrong-sha256 and no-sha256 change that and nothing else', async () => {
    const { url: _url, ...right } = JSON.parse(String((await lookUp()).body))
    const lookUpOnce = async (kind: string): Promise<unknown> =>
      JSON.parse(String((await lookUp({ kind, times: 1 })).body))
    expect(await lookUpOnce('wrong-size')).toMatchObject({ ...right, file_size: 50_001 })
    const lied = await lookUpOnce('wrong-sha256')
    expect(lied).toMatchObject({ ...right, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) })
    expect(lied).not.toMatchObject({ sha256: right.sha256 })
    const { sha256: _sha256, ...unproven } = right
    const silent = await lookUpOnce('no-sha256')
    expect(silent).toMatchObject(unproven)
    expect(silent).not.toHaveProperty('sha256')
  })

  it('wrong-sha256 differs whatever the hash begins with', async () => {
    // The SHA-256 of these begins with 5 and with 0.
    for (const [text, start] of [
      ['0', '5'],
      ['39', '0'],
    ] as const) {
      const added = await api.addMedia({ bytes: Buffer.from(text), mimeType: 'text/plain', mediaType: 'document' })
      expect(added.sha256[0]).toBe(start)
      mediaId = added.mediaId
      const { sha256 } = JSON.parse(String((await lookUp({ kind: 'wrong-sha256', mediaId })).body))
      expect(sha256).toHaveLength(64)
      expect(sha256).not.toBe(added.sha256)
    }
  })

  it('malformed-json is no JSON', async () => {
    const seen = await lookUp({ kind: 'malformed-json' })
    expect(seen.status).toBe(200)
    expect(() => JSON.parse(String(seen.body))).toThrow(SyntaxError)
  })

  it('hits as often as given, then no more', async () => {
    const fault = { kind: 'status', status: 503, times: 2 }
    expect((await download(fault)).status).toBe(503)
    expect((await ask(url)).status).toBe(503)
    expect((await ask(url)).status).toBe(200)
  })

  it('hits the named media only', async () => {
    api.fail({ on: 'download', kind: 'empty', mediaId: 'another' })
    expect((await ask(url)).body).toEqual(bytes)
    expect((await download({ kind: 'empty', mediaId })).body).toHaveLength(0)
  })

  it('hits the named request only', async () => {
    expect((await lookUp({ kind: 'status', status: 500 })).status).toBe(500)
    expect((await ask(url)).status).toBe(200)
  })

  it('lets the first of two faults count', async () => {
    api.fail({ on: 'download', kind: 'status', status: 500, times: 1 })
    expect((await download({ kind: 'status', status: 410 })).status).toBe(500)
    expect((await ask(url)).status).toBe(410)
  })

  it('leaves token and URL checks to answers that it only spoils', async () => {
    api.fail({ on: 'download', kind: 'flip-bit' })
    api.fail({ on: 'look-up', kind: 'wrong-size' })
    expect((await fetch(url)).status).toBe(401)
    expect((await fetch(`${api.origin}/v25.0/${mediaId}`)).status).toBe(401)
  })

  it('answers by status whatever was asked for', async () => {
    api.fail({ on: 'download', kind: 'status', status: 503 })
    api.fail({ on: 'look-up', kind: 'status', status: 503 })
    expect((await fetch(url.replace(/hash=.*/, 'hash=x'))).status).toBe(503)
    expect((await fetch(`${api.origin}/whatsapp_business/attachments/`)).status).toBe(503)
    expect((await fetch(`${api.origin}/v25.0/unknown`)).status).toBe(503)
  })

  it('ends with clearFaults', async () => {
    api.fail({ on: 'download', kind: 'empty' })
    api.clearFaults()
    expect((await ask(url)).body).toEqual(bytes)
  })
})
