import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { parseAccount, parseCloudApi, readAccounts } from '../../src/cli/accounts.js'
import { fakeProxyAgents } from '../http/fake-proxy-agents.js'
import { temporaryFolder } from './command-context.js'

const TOKEN = 'EAAexampletokenexampletoken'
const env = { WHATSAPP_ACCESS_TOKEN: TOKEN, PIXELS_TOKEN: 'pixels-token', PIXELS_SECRET: 'pixels-secret' }

/** The file of `--accounts`. */
function accountsFile(json: unknown): { accounts: string } {
  const accounts = join(temporaryFolder(), 'accounts.json')
  writeFileSync(accounts, typeof json === 'string' ? json : JSON.stringify(json))
  return { accounts }
}

it('parseCloudApi leaves out what was not given', () => {
  expect(parseCloudApi({}, {})).toEqual({ cloudApi: {} })
  expect(parseCloudApi({ cloudApi: 'https://a.test', mediaHost: ['b.test', 'c.test'] }, {})).toEqual({
    cloudApi: { baseUrl: 'https://a.test', mediaHosts: ['b.test', 'c.test'] },
  })
})

it('parseCloudApi has a client that goes through the proxy of the environment', () => {
  fakeProxyAgents({ readsProxyEnv: true })
  const { cloudApi, http } = parseCloudApi({}, { HTTPS_PROXY: 'http://proxy.example:31' })
  expect(cloudApi).toEqual({})
  expect(http).toBeTypeOf('function')
  vi.restoreAllMocks()
})

it('parseAccount takes token and app secret from the environment', () => {
  expect(parseAccount({ account: 'a' }, env)).toEqual({ accountId: 'a', accessToken: TOKEN })
  const secret = { ...env, WHATSAPP_APP_SECRET: 'app-secret' }
  expect(parseAccount({ account: 'a' }, secret)).toMatchObject({ appSecret: 'app-secret' })
  expect(() => parseAccount({ account: 'a' }, {})).toThrow('WHATSAPP_ACCESS_TOKEN is not set')
  expect(() => parseAccount({}, env)).toThrow('--account is needed')
  expect(() => parseAccount({ account: 'a/b' }, env)).toThrow('accountId must match')
})

it('readAccounts gives one account to all numbers, or each its own', async () => {
  const one = await readAccounts({ account: 'a' }, env)
  expect([one('1')?.accountId, one('')?.accountId]).toEqual(['a', 'a'])
  const many = await readAccounts(
    accountsFile({
      1: { accountId: 'pixels', tokenVariable: 'PIXELS_TOKEN', appSecretVariable: 'PIXELS_SECRET', mediaLifetimeMs: 5 },
      2: { accountId: 'own', tokenVariable: 'WHATSAPP_ACCESS_TOKEN' },
    }),
    env,
  )
  expect(many('1')).toEqual({
    accountId: 'pixels',
    accessToken: 'pixels-token',
    appSecret: 'pixels-secret',
    mediaLifetimeMs: 5,
  })
  expect(many('2')).toEqual({ accountId: 'own', accessToken: TOKEN })
  expect(many('3')).toBeUndefined()
})

it.each([
  ['no file', undefined, '--accounts can not be read, there is no such file (ENOENT): '],
  ['no JSON', `{"1": ${TOKEN}}`, 'must be a JSON object with an account for each phone number id'],
  ['a list', [], 'must be a JSON object with an account for each phone number id'],
  ['nothing', {}, 'must be a JSON object with an account for each phone number id'],
  ['a row that is a text', { 1: TOKEN }, "--accounts: '1' must have accountId, tokenVariable"],
  ['a token', { 1: { accountId: 'a', accessToken: TOKEN } }, 'and nothing else; secrets stay in variables'],
  ['no account', { 1: { tokenVariable: 'PIXELS_TOKEN' } }, "'1' must have an accountId"],
  ['an unsafe account', { 1: { accountId: '../a', tokenVariable: 'PIXELS_TOKEN' } }, 'accountId must match'],
  ['no variable', { 1: { accountId: 'a' } }, 'must name variables in capitals, got a value of type undefined'],
  ['a token as name', { 1: { accountId: 'a', tokenVariable: TOKEN } }, 'got a string of 27 characters'],
  ['an unset variable', { 1: { accountId: 'a', tokenVariable: 'NOT_SET' } }, 'names NOT_SET, which is not set'],
  ['an empty variable', { 1: { accountId: 'a', tokenVariable: 'EMPTY' } }, 'names EMPTY, which is not set'],
  [
    'a lifetime of no number',
    { 1: { accountId: 'a', tokenVariable: 'PIXELS_TOKEN', mediaLifetimeMs: '1h' } },
    "must have a positive mediaLifetimeMs, got '1h'",
  ],
])('readAccounts refuses a file with %s, and repeats no token', async (_name, json, problem) => {
  const flags = json === undefined ? { accounts: join(temporaryFolder(), 'none') } : accountsFile(json)
  const error = await readAccounts(flags, { ...env, EMPTY: ' ' }).then(String, (thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'invalid-option', message: expect.stringContaining(problem) })
  expect(JSON.stringify(error)).not.toContain(TOKEN)
})

it('readAccounts refuses both options at once', async () => {
  await expect(readAccounts({ account: 'a', accounts: 'b' }, env)).rejects.toThrow(
    '--account does not go with --accounts',
  )
})
