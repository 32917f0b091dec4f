import { parseArgs } from 'node:util'
import { configFromEnv, type EnvConfig } from '../../config-from-env.js'
import { describeSecret } from '../../errors/describe.js'
import { InvalidOptionError } from '../../errors.js'
import { prescribedCors } from './cors.js'

/** What the doctor is asked to look at: the environment's settings, and what the command line says instead. */
export interface DoctorSettings extends EnvConfig {
  publicEndpoint?: string
  /** Pages that read signed URLs by script, such as `https://app.example.com`. */
  origins: readonly string[]
  /** Meta's id of a business phone number, digits. */
  phoneNumberId?: string
  /** Another base URL than Meta's. */
  graphUrl?: string
  json: boolean
  probe: boolean
}

/** What stands on the command line, by Node's own parser: cac makes numbers of ids, and of long ones other ids. */
const OPTIONS = {
  bucket: { type: 'string' },
  region: { type: 'string' },
  endpoint: { type: 'string' },
  'public-endpoint': { type: 'string' },
  prefix: { type: 'string' },
  origin: { type: 'string', multiple: true },
  'phone-number-id': { type: 'string' },
  'graph-url': { type: 'string' },
  json: { type: 'boolean' },
  'no-probe': { type: 'boolean' },
} as const

/**
 * Reads the doctor's settings: `args` as in `process.argv`, from the command's name on.
 *
 * @throws InvalidOptionError, or Node's TypeError for an unknown option.
 */
export function parseDoctorOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): DoctorSettings {
  const { values } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  const { 'public-endpoint': publicEndpoint, 'phone-number-id': phoneNumberId, 'graph-url': graphUrl } = values
  const { bucket, region, endpoint, prefix } = values
  checkUrl('--public-endpoint', publicEndpoint)
  checkUrl('--endpoint', endpoint)
  if (phoneNumberId !== undefined && !/^\d{1,32}$/.test(phoneNumberId)) {
    throw new InvalidOptionError({
      option: '--phone-number-id',
      problem: `must be digits, got ${describeSecret(phoneNumberId)}`,
    })
  }
  // Browsers send no slash at the end, and people copy one.
  const origins = (values.origin ?? []).map((origin) => origin.replace(/\/$/, ''))
  if (origins.length > 0) prescribedCors(origins)
  const given = { bucket, region, endpoint, prefix, publicEndpoint, phoneNumberId, graphUrl }
  return {
    ...configFromEnv(env),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    origins,
    json: values.json === true,
    probe: values['no-probe'] !== true,
  }
}

function checkUrl(option: string, url: string | undefined): void {
  if (url === undefined || (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol))) return
  // It may hold a password.
  throw new InvalidOptionError({ option, problem: `must be an http(s) URL, got ${describeSecret(url)}` })
}
