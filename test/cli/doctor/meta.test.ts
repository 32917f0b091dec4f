import type { ServerResponse } from 'node:http'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createFakeCloudApi, type FakeCloudApiOptions } from '../../../src/testing/fake-cloud-api.js'
import { startLoopback } from '../../loopback.js'
import { examine, worse } from './run.js'

const APP_SECRET = 'canary-app-secret'
const NUMBER_ID = '106540352242922'

/** Examines a fake Cloud API; the store's note is left out. */
async function examineApi(
  api: FakeCloudApiOptions,
  settings: { accessToken?: string; appSecret?: string; phoneNumberId?: string } = {},
  now: () => number = Date.now,
) {
  const fake = await createFakeCloudApi({ now, ...api })
  onTestFinished(() => fake.close())
  const examined = await examine({ accessToken: fake.accessToken, graphUrl: fake.origin, ...settings }, { now })
  for (const secret of [fake.accessToken, 'canary', NUMBER_ID]) expect(examined.text).not.toContain(secret)
  const findings = examined.findings.filter(({ check }) => check !== 'bucket')
  return { ...examined, fake, findings, worse: worse(findings) }
}

/** Examines a Graph API that answers every node from a script. */
async function examineScript(answers: Record<string, [status: number, body: string]>, phoneNumberId?: string) {
  const server = await startLoopback((request, response: ServerResponse) => {
    const [, node = ''] = /^\/v25\.0\/([^?]+)/.exec(String(request.url)) ?? []
    const [status, body] = answers[node] ?? [404, 'nothing']
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  })
  onTestFinished(() => server.close())
  const { findings, text } = await examine({
    accessToken: 'canary-token',
    graphUrl: server.origin,
    ...(phoneNumberId === undefined ? {} : { phoneNumberId }),
  })
  expect(text).not.toContain('canary')
  return worse(findings.filter(({ check }) => check !== 'bucket'))
}

const error = (code: number, subcode?: number) =>
  JSON.stringify({ error: { message: 'canary text', code, error_subcode: subcode } })

it('runDoctor finds nothing to fix in a good token, app secret and phone number id', async () => {
  const { findings, exitCode } = await examineApi(
    { appSecret: APP_SECRET, requireProof: true },
    { appSecret: APP_SECRET, phoneNumberId: NUMBER_ID },
  )
  expect(findings).toEqual([
    { check: 'access token', severity: 'ok', finding: expect.stringMatching(/^Never expires, for app \d+$/) },
    { check: 'permissions', severity: 'ok', finding: 'The token may read media and phone numbers' },
    { check: 'app secret', severity: 'ok', finding: 'Meta accepts its proof' },
    { check: 'phone number id', severity: 'ok', finding: 'The token may read it' },
  ])
  expect(exitCode).toBe(0)
})

it('runDoctor gives a broken token one clear line, and asks nothing more', async () => {
  const { findings, exitCode, fake } = await examineApi(
    {},
    { accessToken: 'canary-token', appSecret: APP_SECRET, phoneNumberId: NUMBER_ID },
  )
  expect(findings).toEqual([
    {
      check: 'access token',
      severity: 'error',
      finding: 'Meta rejects it: it is not valid (HTTP 401, code 190)',
      fix: {
        advice: expect.stringMatching(/system user.*whatsapp_business_messaging and whatsapp_business_management/),
        command: 'export WHATSAPP_ACCESS_TOKEN=…',
      },
    },
  ])
  expect(exitCode).toBe(2)
  expect(fake.requests).toHaveLength(1)
})

it.each([
  [458, 'the app was removed'],
  [460, 'a password was changed'],
  [463, 'it has expired'],
  [467, 'it was revoked'],
])('runDoctor says why a token ended: subcode %i', async (subcode, why) => {
  const found = await examineScript({ me: [401, error(190, subcode)] })
  expect(found).toMatchObject([{ check: 'access token', severity: 'error', finding: `Meta rejects it: ${why}` }])
})

it('runDoctor takes the word of debug_token for a token that is not valid', async () => {
  const data = { is_valid: false, error: { code: 190, subcode: 463 } }
  const found = await examineScript({ me: [200, '{"id":"1"}'], debug_token: [200, JSON.stringify({ data })] })
  expect(found).toMatchObject([
    { check: 'access token', severity: 'error', finding: 'Meta rejects it: it has expired' },
  ])
  const bare = await examineScript({ me: [200, '{"id":"1"}'], debug_token: [200, '{"data":{"is_valid":false}}'] })
  expect(bare).toMatchObject([{ finding: 'Meta rejects it: it is not valid (HTTP 200, code 190)' }])
})

const DAY = 86_400_000
const NOON = Date.UTC(2026, 10, 22, 12)

it.each([
  [1, 'warning', 1],
  [7, 'warning', 1],
  [8, 'ok', 0],
])('runDoctor warns of a token that expires within a week: %i days', async (days, severity, code) => {
  const { findings, exitCode } = await examineApi(
    { tokenExpiresAt: NOON + days * DAY },
    { appSecret: APP_SECRET },
    () => NOON,
  )
  expect(findings[0]).toMatchObject({ check: 'access token', severity })
  expect(findings[0]?.finding).toContain(`Expires at ${new Date(NOON + days * DAY).toISOString()}`)
  expect(exitCode).toBe(code)
})

it.each([
  [
    ['whatsapp_business_management'],
    'error',
    'The token lacks whatsapp_business_messaging, without which it reads no media',
  ],
  [
    ['whatsapp_business_messaging'],
    'warning',
    'The token lacks whatsapp_business_management, without which it reads no phone numbers',
  ],
  [
    [],
    'error',
    'The token lacks whatsapp_business_messaging and whatsapp_business_management, without which it reads no media',
  ],
])('runDoctor names the permissions that a token lacks: it has %j', async (permissions, severity, finding) => {
  const { worse: found } = await examineApi({ permissions }, { appSecret: APP_SECRET })
  expect(found).toMatchObject([{ check: 'permissions', severity, finding }])
  expect(found[0]?.fix?.advice).toContain('whatsapp_business_messaging and whatsapp_business_management')
})

it('runDoctor notes what it could not ask: no app secret, a token that may not be debugged', async () => {
  const found = await examineScript({ me: [200, '{"id":"1"}'], debug_token: [400, error(100)] })
  expect(found).toMatchObject([
    { check: 'permissions', severity: 'note' },
    { check: 'app secret', severity: 'note', fix: { command: 'export WHATSAPP_APP_SECRET=…' } },
  ])
})

it('runDoctor names an app without a name in the answer not at all', async () => {
  const data = { is_valid: true, expires_at: 0, scopes: ['whatsapp_business_messaging', 7] }
  const { findings } = await (async () => {
    const server = await startLoopback((_request, response) => response.end(JSON.stringify({ data })))
    onTestFinished(() => server.close())
    return examine({ accessToken: 'canary', graphUrl: server.origin })
  })()
  expect(findings[0]?.finding).toBe('Never expires')
})

it('runDoctor reports a wrong app secret, and checks the token without it', async () => {
  const { worse: found, exitCode } = await examineApi(
    { appSecret: APP_SECRET, permissions: ['whatsapp_business_messaging'] },
    { appSecret: 'canary-other-secret', phoneNumberId: NUMBER_ID },
  )
  expect(found).toMatchObject([
    { check: 'permissions', severity: 'warning' },
    {
      check: 'app secret',
      severity: 'error',
      finding: expect.stringContaining('not the secret of the app that the token is for'),
      fix: { command: 'export WHATSAPP_APP_SECRET=…' },
    },
  ])
  expect(exitCode).toBe(2)
})

it('runDoctor reports a wrong app secret alone where the app requires the proof', async () => {
  const { findings } = await examineApi(
    { appSecret: APP_SECRET, requireProof: true },
    { appSecret: 'canary-other-secret' },
  )
  expect(findings).toMatchObject([{ check: 'app secret', severity: 'error' }])
})

it('runDoctor asks for the app secret where the app requires its proof', async () => {
  const { findings } = await examineApi({ appSecret: APP_SECRET, requireProof: true })
  expect(findings).toMatchObject([
    { check: 'app secret', severity: 'error', finding: expect.stringContaining('WHATSAPP_APP_SECRET is not set') },
  ])
})

it("runDoctor says when the phone number id is not the token's, without repeating it", async () => {
  const { worse: found, exitCode } = await examineApi(
    { phoneNumberIds: [] },
    { appSecret: APP_SECRET, phoneNumberId: NUMBER_ID },
  )
  expect(found).toMatchObject([
    {
      check: 'phone number id',
      severity: 'error',
      finding: 'The token may not read it, or it does not exist (HTTP 400, code 100)',
      fix: { advice: expect.stringContaining('Assign assets') },
    },
  ])
  expect(exitCode).toBe(2)
})

const GOOD = {
  me: [200, '{"id":"1"}'],
  debug_token: [
    200,
    '{"data":{"is_valid":true,"scopes":["whatsapp_business_messaging","whatsapp_business_management"]}}',
  ],
} satisfies Record<string, [number, string]>

it('runDoctor reports a phone number id that is answered without a Graph error', async () => {
  const found = await examineScript(GOOD, NUMBER_ID)
  expect(found[1]).toMatchObject({
    check: 'phone number id',
    finding: expect.stringContaining('(HTTP 404, code none)'),
  })
})

it.each([
  ['an outage', [500, error(2)], 'HTTP 500, code 2'],
  ['a page of a proxy', [502, '<html>'], 'HTTP 502, code none'],
  ['a proxy that asks for a wait', [429, ''], 'HTTP 429, code none'],
  ['too many calls', [400, error(80007)], 'HTTP 400, code 80007'],
  ['too many calls of a page', [400, error(32)], 'HTTP 400, code 32'],
] as const)('runDoctor blames no phone number id for %s', async (_name, answer, codes) => {
  const found = await examineScript({ ...GOOD, [NUMBER_ID]: [...answer] }, NUMBER_ID)
  expect(found.slice(1)).toEqual([{ check: 'phone number id', severity: 'note', finding: `Not checked: ${codes}` }])
})

it.each([10, 200, 368])('runDoctor calls a refusal that stays an error, not an outage: code %i', async (code) => {
  const found = await examineScript({ me: [400, error(code)] })
  expect(found).toMatchObject([
    { check: 'access token', severity: 'error', finding: `Meta refuses calls with it (HTTP 400, code ${code})` },
  ])
})

it('runDoctor takes code 102 for an ended token, as Meta says', async () => {
  const found = await examineScript({ me: [400, error(102)] })
  expect(found).toMatchObject([{ severity: 'error', fix: { command: 'export WHATSAPP_ACCESS_TOKEN=…' } }])
})

it.each([
  ['code 102 without a subcode', error(102), 'it is not valid (HTTP 400, code 102)'],
  ['code 102 with a reason', error(102, 463), 'it has expired'],
  ['code 0', error(0), 'it is not valid (HTTP 400, code 0)'],
] as const)('runDoctor judges %s as the archive does: a rejected token', async (_name, body, finding) => {
  const found = await examineScript({ me: [400, body] })
  expect(found).toMatchObject([{ check: 'access token', severity: 'error', finding: `Meta rejects it: ${finding}` }])
})

it('runDoctor takes code 102 with an unknown subcode for a refusal of another kind', async () => {
  const found = await examineScript({ me: [400, error(102, 1)] })
  expect(found).toMatchObject([{ severity: 'error', finding: 'Meta refuses calls with it (HTTP 400, code 102)' }])
})

it.each([4, 17, 32, 341, 613, 80007, 130429, 131056])(
  'runDoctor judges code %i as the archive does: a rate limit',
  async (code) => {
    const found = await examineScript({ me: [400, error(code)] })
    const finding = `Meta could not check it now (HTTP 400, code ${code})`
    expect(found).toMatchObject([{ check: 'access token', severity: 'warning', finding }])
  },
)

it('runDoctor says when only the phone number id could not be asked for', async () => {
  const server = await startLoopback((request, response) => {
    if (request.url?.includes(NUMBER_ID) === true) response.destroy()
    else response.end(request.url?.includes('debug') === true ? GOOD.debug_token[1] : GOOD.me[1])
  })
  onTestFinished(() => server.close())
  const { findings } = await examine({ accessToken: 'canary', graphUrl: server.origin, phoneNumberId: NUMBER_ID })
  expect(findings.find(({ check }) => check === 'phone number id')).toEqual({
    check: 'phone number id',
    severity: 'note',
    finding: expect.stringMatching(/^Not checked: [A-Z_]+$/),
  })
})

it.each([
  ['an outage', [500, error(2)], 'Meta could not check it now (HTTP 500, code 2)'],
  ['a page in place of JSON', [200, '<html>'], 'Meta could not check it now (HTTP 200)'],
  ['a redirect', [302, ''], 'Meta could not check it now (HTTP 302)'],
] as const)('runDoctor reports %s, and that it may pass', async (_name, answer, finding) => {
  const found = await examineScript({ me: [...answer] })
  expect(found).toMatchObject([{ check: 'access token', severity: 'warning', finding }])
})

it('runDoctor says when Meta cannot be reached', async () => {
  const server = await startLoopback(() => {})
  await server.close()
  const { findings, exitCode, text } = await examine({ accessToken: 'canary', graphUrl: server.origin })
  expect(findings[0]).toMatchObject({
    check: 'access token',
    severity: 'error',
    finding: expect.stringMatching(/^127\.0\.0\.1:\d+ cannot be reached: ECONNREFUSED$/),
  })
  expect(text).not.toContain('canary')
  expect(exitCode).toBe(2)
})

it('runDoctor gives Meta its time, and no more', async () => {
  const server = await startLoopback(() => {})
  onTestFinished(() => server.close())
  const { findings } = await examine({ accessToken: 'canary', graphUrl: server.origin }, { timeoutMs: 50 })
  expect(findings[0]?.finding).toMatch(/cannot be reached: no answer in time$/)
})

it('runDoctor sends the token in a header and its own look-up only', async () => {
  const { fake } = await examineApi({}, { appSecret: APP_SECRET, phoneNumberId: NUMBER_ID })
  expect(fake.requests.map(({ kind }) => kind)).toEqual(['other', 'other', 'other'])
  expect(
    fake.requests.filter(({ url }) => url.includes(fake.accessToken)).map(({ url }) => url.replace(/\?.*/, '')),
  ).toEqual(['/v25.0/debug_token'])
})

it("runDoctor asks at Meta's own host over https unless an option says otherwise", async () => {
  const asked = vi.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError('fetch failed'))
  const { findings } = await examine({ accessToken: 'canary' })
  expect(asked.mock.calls.map(([url]) => String(url))).toEqual(['https://graph.facebook.com/v25.0/me?fields=id'])
  expect(findings[0]?.finding).toBe('graph.facebook.com cannot be reached: TypeError')
})
