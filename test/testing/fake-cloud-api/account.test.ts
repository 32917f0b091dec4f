import { expect, it, onTestFinished } from 'vitest'
import { createFakeCloudApi, type FakeCloudApiOptions } from '../../../src/testing/fake-cloud-api.js'

async function start(options: FakeCloudApiOptions = {}) {
  const api = await createFakeCloudApi(options)
  onTestFinished(() => api.close())
  const get = async (path: string, token = api.accessToken) => {
    const response = await fetch(`${api.origin}/v25.0/${path}`, { headers: { authorization: `Bearer ${token}` } })
    return { status: response.status, body: await response.json() }
  }
  return { api, get }
}

it("createFakeCloudApi reports the token's owner, the token and its phone number id", async () => {
  const { api, get } = await start()
  expect(await get('me?fields=id')).toMatchObject({ status: 200, body: { id: expect.stringMatching(/^\d+$/) } })
  expect(await get(`debug_token?input_token=${api.accessToken}`)).toMatchObject({
    status: 200,
    body: {
      data: {
        is_valid: true,
        expires_at: 0,
        scopes: ['whatsapp_business_management', 'whatsapp_business_messaging'],
      },
    },
  })
  expect(await get('106540352242922?fields=id')).toEqual({ status: 200, body: { id: '106540352242922' } })
  expect((await get('106540352242923')).status).toBe(400)
  expect(api.requests.map(({ kind }) => kind)).toEqual(['other', 'other', 'other', 'look-up'])
})

it('createFakeCloudApi reports other permissions, ends and phone number ids when given', async () => {
  const tokenExpiresAt = 4_000_000_000_000
  const { api, get } = await start({ permissions: ['email'], tokenExpiresAt, phoneNumberIds: ['7'] })
  expect(await get(`debug_token?input_token=${api.accessToken}`)).toMatchObject({
    body: { data: { scopes: ['email'], granular_scopes: [{ scope: 'email' }], expires_at: 4_000_000_000 } },
  })
  expect((await get('7')).status).toBe(200)
  expect((await get('106540352242922')).status).toBe(400)
})

it('createFakeCloudApi refuses an expired token, a strange one, and a wrong proof', async () => {
  const expired = await start({ tokenExpiresAt: 1_000, now: () => 1_000 })
  expect((await expired.get('me')).status).toBe(401)
  const { get } = await start({ appSecret: 's', requireProof: true })
  expect((await get('me', 'other')).status).toBe(401)
  expect(await get('me')).toMatchObject({
    status: 400,
    body: { error: { code: 100, message: expect.stringContaining('require') } },
  })
  expect(await get('me?appsecret_proof=0')).toMatchObject({ status: 400, body: { error: { code: 100 } } })
})

it('createFakeCloudApi says that another token is not valid', async () => {
  const { get } = await start()
  expect(await get('debug_token?input_token=other')).toMatchObject({
    body: { data: { is_valid: false, error: { code: 190 } } },
  })
})
