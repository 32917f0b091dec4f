import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createFakeCloudApi, type FakeCloudApi } from '../../../src/testing.js'

let api: FakeCloudApi
beforeAll(async () => {
  api = await createFakeCloudApi()
})
afterAll(() => api.close())

function ask(path: string, { scheme = 'Bearer', ...init }: RequestInit & { scheme?: string } = {}) {
  const headers = { authorization: `${scheme} ${api.accessToken}`, ...init.headers }
  return fetch(`${api.origin}/v25.0/${path}`, { method: 'POST', ...init, headers })
}

const GOOD = 'file_name=a.pdf&file_length=5&file_type=application/pdf'

async function begin(): Promise<string> {
  const answer = await ask(`1/uploads?${GOOD}`)
  return String(Object(await answer.json()).id)
}

const offset = (at: number) => ({ file_offset: String(at) })

describe('a resumable upload to the fake API', () => {
  it.each([
    'file_length=5&file_type=application/pdf',
    'file_name=a.pdf&file_length=5',
    'file_name=a.gif&file_length=5&file_type=image/gif',
    'file_name=a.pdf&file_type=application/pdf',
    'file_name=a.pdf&file_length=0&file_type=application/pdf',
    'file_name=a.pdf&file_length=x&file_type=application/pdf',
  ])('does not begin with %s', async (query) => {
    expect((await ask(`1/uploads?${query}`)).status).toBe(400)
  })

  it('does not begin for a stranger', async () => {
    expect((await ask(`1/uploads?${GOOD}`, { scheme: 'OAuth' })).status).toBe(401)
  })

  it('takes the bytes that come next, and tells how many there are', async () => {
    const id = await begin()
    const send = (at: number, body: string) => ask(id, { scheme: 'OAuth', headers: offset(at), body })
    expect(await (await send(0, 'he')).json()).toEqual({})
    expect((await send(1, 'llo')).status).toBe(400)
    expect(await (await ask(id, { scheme: 'OAuth', method: 'GET' })).json()).toEqual({ id, file_offset: 2 })
    const { h: handle } = Object(await (await send(2, 'llo')).json())
    expect(api.listTemplateUploads().at(-1)).toMatchObject({ handle, bytes: Buffer.from('hello') })
  })

  it('refuses the usual scheme, and ids that it did not give', async () => {
    const id = await begin()
    expect((await ask(id, { headers: offset(0), body: 'hello' })).status).toBe(401)
    expect((await ask('upload:x?sig=y', { scheme: 'OAuth', headers: offset(0), body: 'hello' })).status).toBe(400)
  })

  it('keeps nothing of bytes at a wrong place that break off', async () => {
    const id = await begin()
    api.fail({ on: 'template', kind: 'reset', afterBytes: 1, times: 1 })
    await expect(ask(id, { scheme: 'OAuth', headers: offset(3), body: 'lo' })).rejects.toThrow()
    expect(api.listTemplateUploads().at(-1)).toMatchObject({ bytes: Buffer.alloc(0) })
  })

  it('is no target of other methods and edges', async () => {
    expect((await ask('1/uploads', { method: 'GET' })).status).toBe(404)
    expect((await ask('1/media', { method: 'GET' })).status).toBe(404)
    expect((await ask('106540352242922', {})).status).toBe(400)
  })
})
