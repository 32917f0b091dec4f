import { readFile } from 'node:fs/promises'
import { configFromEnv } from '../config-from-env.js'
import type { CloudApiOptions } from '../download/cloud-api.js'
import { describeId, describeSecret, describeValue } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import type { HttpClient } from '../http/client.js'
import { createNodeHttpClient } from '../http/node.js'
import { defined, isObject, parseJson, readOwn } from '../json.js'
import { checkAccountId } from '../key.js'
import type { Account } from '../media-archive/accounts.js'
import type { CommandContext, OptionHelp } from './command.js'
import { refusePath } from './file-faults.js'
import { type Flags, getNeededText, getText, getTexts } from './flags.js'

/** The option for providers with a Graph API of their own. */
export const GRAPH_ROW: OptionHelp = [
  '--cloud-api <url>',
  'Graph API of your provider; default https://graph.facebook.com',
]

/** The options for those, where media is fetched. */
export const CLOUD_API_ROWS: readonly OptionHelp[] = [
  GRAPH_ROW,
  ['--media-host <host>', 'Host that media URLs may lead to; default lookaside.fbsbx.com; repeatable', 'repeatable'],
]

/** The options of the archive that those flags and the environment's proxies set. */
export function parseCloudApi(
  flags: Flags,
  env: CommandContext['env'],
): { cloudApi: CloudApiOptions; http?: HttpClient | undefined } {
  const baseUrl = getText(flags, 'cloudApi')
  const mediaHosts = getTexts(flags, 'mediaHost')
  const { agent } = configFromEnv(env)
  const http = agent === undefined ? undefined : createNodeHttpClient({ agent })
  const cloudApi = defined({ baseUrl, mediaHosts: mediaHosts.length === 0 ? undefined : mediaHosts })
  return { cloudApi, ...defined({ http }) }
}

/**
 * The account that `--account` names, with the token in `WHATSAPP_ACCESS_TOKEN` and, if it is there, the app secret in
 * `WHATSAPP_APP_SECRET`.
 *
 * @throws InvalidOptionError without account or token.
 */
export function parseAccount(flags: Flags, env: CommandContext['env']): Account & { accessToken: string } {
  const accountId = getNeededText(flags, 'account')
  checkAccountId(accountId)
  const { accessToken, appSecret } = configFromEnv(env)
  if (accessToken === undefined)
    throw new InvalidOptionError({ option: 'WHATSAPP_ACCESS_TOKEN', problem: 'is not set' })
  return { accountId, accessToken, ...defined({ appSecret }) }
}

/** Finds the account of a phone number id. */
export type AccountFinder = (phoneNumberId: string) => Account | undefined

/**
 * The accounts of a back-fill: one for all entries (`--account`), or by phone number id, from a file (`--accounts`):
 *
 * ```json
 * { "106540352242922": { "accountId": "pixels", "tokenVariable": "PIXELS_TOKEN" } }
 * ```
 *
 * `tokenVariable` and, optionally, `appSecretVariable` name environment variables: no secret belongs in a file.
 * `mediaLifetimeMs` is 3600000 for No-Storage numbers.
 *
 * @throws InvalidOptionError for a file of another form, and for a variable that is not set.
 */
export async function readAccounts(flags: Flags, env: CommandContext['env']): Promise<AccountFinder> {
  const path = getText(flags, 'accounts')
  if (path === undefined) {
    const account = parseAccount(flags, env)
    return () => account
  }
  if (flags['account'] !== undefined)
    throw new InvalidOptionError({ option: '--account', problem: 'does not go with --accounts' })
  const rows = await readAccountsFile(path)
  const accounts = new Map(Object.entries(rows).map(([number, row]) => [number, parseAccountRow(number, row, env)]))
  return (phoneNumberId) => accounts.get(phoneNumberId)
}

async function readAccountsFile(path: string): Promise<Record<string, unknown>> {
  const text = await readFile(path, 'utf8').catch(refusePath({ option: '--accounts', path, use: 'read' }))
  const json = parseJson(text)
  if (isObject(json) && Object.keys(json).length > 0) return json
  throw new InvalidOptionError({
    option: '--accounts',
    problem: 'must be a JSON object with an account for each phone number id',
  })
}

const PROPERTIES = ['accountId', 'tokenVariable', 'appSecretVariable', 'mediaLifetimeMs']

function parseAccountRow(phoneNumberId: string, row: unknown, env: CommandContext['env']): Account {
  const option = `--accounts: ${describeId(phoneNumberId)}`
  const unknown = Object.keys(isObject(row) ? row : { nothing: 1 }).find((name) => !PROPERTIES.includes(name))
  if (unknown !== undefined) {
    throw new InvalidOptionError({
      option,
      problem: `must have ${PROPERTIES.join(', ')} and nothing else; secrets stay in variables`,
    })
  }
  const [accountId, lifetime] = [readOwn(row, 'accountId'), readOwn(row, 'mediaLifetimeMs')]
  if (typeof accountId !== 'string') throw new InvalidOptionError({ option, problem: 'must have an accountId' })
  checkAccountId(accountId)
  if (lifetime !== undefined && !(typeof lifetime === 'number' && lifetime > 0)) {
    throw new InvalidOptionError({
      option,
      problem: `must have a positive mediaLifetimeMs, got ${describeValue(lifetime)}`,
    })
  }
  const accessToken = getVariable(option, readOwn(row, 'tokenVariable'), env)
  const secretName = readOwn(row, 'appSecretVariable')
  const appSecret = secretName === undefined ? undefined : getVariable(option, secretName, env)
  return { accountId, accessToken, ...defined({ appSecret, mediaLifetimeMs: lifetime }) }
}

function getVariable(option: string, name: unknown, env: CommandContext['env']): string {
  // The file may hold the token itself in place of the name.
  if (typeof name !== 'string' || !/^[A-Z_][A-Z0-9_]{0,63}$/.test(name)) {
    throw new InvalidOptionError({
      option,
      problem: `must name variables in capitals, got ${describeSecret(name)}`,
    })
  }
  const value = env[name]?.trim()
  if (value === undefined || value === '')
    throw new InvalidOptionError({ option, problem: `names ${name}, which is not set` })
  return value
}
