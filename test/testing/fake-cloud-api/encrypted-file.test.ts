import { afterEach, expect, it } from 'vitest'
import { createFakeCloudApi, type FakeCloudApi } from '../../../src/testing/fake-cloud-api.js'

let api: FakeCloudApi | undefined
afterEach(() => api?.close())

it('serves encrypted files at its CDN until they are too old, and faults also for unknown ones', async () => {
  let now = Date.UTC(2026, 10, 22)
  api = await createFakeCloudApi({ mediaLifetimeMs: 1_000, now: () => now })
  const [cdn = ''] = api.cloudApi.flowMediaHosts
  expect(cdn).not.toBe(api.origin)
  const { file } = await api.addFlowMedia({ bytes: Buffer.from('hello'), mediaId: 'a b' })
  const url = String(file['cdn_url'])
  expect(url).toBe(`${cdn}/v/a%20b?ccb=11-4`)
  expect((await fetch(url)).status).toBe(200)
  expect((await fetch(`${cdn}/v/other`)).status).toBe(404)
  now += 1_001
  expect((await fetch(url)).status).toBe(410)
  api.fail({ on: 'flow-download', kind: 'status', status: 503 })
  expect((await fetch(`${cdn}/v/other`)).status).toBe(503)
  api.clearFaults()
  api.fail({ on: 'flow-download', kind: 'flip-bit' })
  expect((await fetch(`${cdn}/v/other`)).status).toBe(404)
})

it('answers as the CDN of Meta itself, and refuses what is no file', async () => {
  api = await createFakeCloudApi({ origin: 'https://graph.facebook.com' })
  const { file } = await api.addFlowMedia({ bytes: Buffer.from('hello') })
  expect((await api.fetch(String(file['cdn_url']))).status).toBe(200)
  await expect(api.addFlowMedia({ bytes: 'hello' as never })).rejects.toMatchObject({ option: 'media.bytes' })
})
