import { InvalidOptionError } from './errors.js'

/** The library's settings in the environment. All are optional; AWS credentials stay with the SDK's own chain. */
export interface EnvConfig {
  /** `AWS_REGION` */
  region?: string | undefined
  /** `S3_BUCKET_NAME` */
  bucket?: string | undefined
  /** `S3_ENDPOINT`, an http(s) URL. */
  endpoint?: string | undefined
  /** `WHATSAPP_MEDIA_PREFIX` */
  prefix?: string | undefined
  /** `WHATSAPP_ACCESS_TOKEN` */
  accessToken?: string | undefined
  /** `WHATSAPP_APP_SECRET` */
  appSecret?: string | undefined
  /** `WHATSAPP_VERIFY_TOKEN` */
  verifyToken?: string | undefined
}

const VARIABLES = {
  region: 'AWS_REGION',
  bucket: 'S3_BUCKET_NAME',
  endpoint: 'S3_ENDPOINT',
  prefix: 'WHATSAPP_MEDIA_PREFIX',
  accessToken: 'WHATSAPP_ACCESS_TOKEN',
  appSecret: 'WHATSAPP_APP_SECRET',
  verifyToken: 'WHATSAPP_VERIFY_TOKEN',
} as const satisfies Record<keyof EnvConfig, string>

/**
 * Reads the library's settings from environment variables; give it `process.env`. Surrounding white space is removed,
 * and an empty variable counts as absent.
 *
 * @throws InvalidOptionError when `S3_ENDPOINT` is no http(s) URL.
 */
export function configFromEnv(env: Readonly<Record<string, string | undefined>>): EnvConfig {
  const config: EnvConfig = {}
  for (const [name, variable] of Object.entries(VARIABLES)) {
    const value = env[variable]?.trim()
    if (value !== undefined && value !== '') Object.assign(config, { [name]: value })
  }
  const { endpoint } = config
  if (endpoint !== undefined && !(URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol))) {
    throw new InvalidOptionError({
      option: 'S3_ENDPOINT',
      problem: `must be an http(s) URL, got a string of ${endpoint.length} characters`,
    })
  }
  return config
}
