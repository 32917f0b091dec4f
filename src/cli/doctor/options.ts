import { configFromEnv, type EnvConfig } from '../../config-from-env.js'
import { describeSecret } from '../../errors/describe.js'
import { InvalidOptionError } from '../../errors.js'
import { type ProxySettings, readProxies } from '../../http/proxies.js'
import { defined } from '../../json.js'
import type { CommandContext } from '../command.js'
import { type Flags, getText, getTexts, parseUrlFlag } from '../flags.js'
import { prescribeCors } from './cors.js'

/** The settings that the doctor checks: the environment's, which the options of the command line replace. */
export interface DoctorSettings extends EnvConfig {
  publicEndpoint?: string | undefined
  /** Pages that read signed URLs by script, such as `https://app.example.com`. */
  origins: readonly string[]
  /** Meta's id of a business phone number, digits. */
  phoneNumberId?: string | undefined
  /** Another base URL than Meta's. */
  graphUrl?: string | undefined
  /** The environment's; `agent` goes through them, where Node has such agents. */
  proxies?: ProxySettings | undefined
  json: boolean
  probe: boolean
}

/**
 * Reads the doctor's settings.
 *
 * @throws InvalidOptionError
 */
export function readDoctorSettings(flags: Flags, env: CommandContext['env']): DoctorSettings {
  const phoneNumberId = getText(flags, 'phoneNumberId')
  if (phoneNumberId !== undefined && !/^\d{1,32}$/.test(phoneNumberId)) {
    throw new InvalidOptionError({
      option: '--phone-number-id',
      problem: `must be digits, got ${describeSecret(phoneNumberId)}`,
    })
  }
  // Browsers send no slash at the end, and people copy one.
  const origins = getTexts(flags, 'origin').map((origin) => origin.replace(/\/$/, ''))
  if (origins.length > 0) prescribeCors(origins)
  return {
    ...configFromEnv(env),
    ...defined({
      bucket: getText(flags, 'bucket'),
      region: getText(flags, 'region'),
      endpoint: parseUrlFlag(flags, 'endpoint'),
      // An empty prefix is one: keys then start with the account.
      prefix: flags['prefix'] === '' ? '' : getText(flags, 'prefix'),
      publicEndpoint: parseUrlFlag(flags, 'publicEndpoint'),
      phoneNumberId,
      graphUrl: getText(flags, 'graphUrl'),
      proxies: readProxies(env),
    }),
    origins,
    json: flags['json'] === true,
    probe: flags['noProbe'] !== true,
  }
}
