import { types } from 'node:util'
import { describeValue } from './errors/describe.js'
import { InvalidOptionError } from './errors.js'
import type { AgentByProtocol } from './http/agents.js'
import { createProxyAgents, readVariable } from './http/proxies.js'
import { isObject } from './json.js'

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
  /**
   * For `createNodeHttpClient` and `createS3Storage`: connections through the proxies of `HTTPS_PROXY` and `HTTP_PROXY`, but
   * for the hosts of `NO_PROXY`; each in small letters, too. Absent without a proxy. The agents are Node's own, from
   * Node 22.21 and 24.5 on; an older one gets a warning in their place.
   */
  agent?: AgentByProtocol | undefined
}

const VARIABLES = {
  region: 'AWS_REGION',
  bucket: 'S3_BUCKET_NAME',
  endpoint: 'S3_ENDPOINT',
  prefix: 'WHATSAPP_MEDIA_PREFIX',
  accessToken: 'WHATSAPP_ACCESS_TOKEN',
  appSecret: 'WHATSAPP_APP_SECRET',
  verifyToken: 'WHATSAPP_VERIFY_TOKEN',
} as const satisfies Record<Exclude<keyof EnvConfig, 'agent'>, string>

/**
 * Reads the library's settings from environment variables; give it `process.env`. Surrounding white space is removed,
 * and an empty variable counts as absent.
 *
 * @throws InvalidOptionError when `S3_ENDPOINT` or a proxy is no http(s) URL, and for what is no environment.
 */
export function configFromEnv(env: Readonly<Record<string, string | undefined>>): EnvConfig {
  if (!isObject(env) || types.isPromise(env)) {
    throw new InvalidOptionError({
      option: 'env',
      problem: `must be process.env, or an object like it, got ${describeValue(env)}`,
    })
  }
  const config: EnvConfig = {}
  for (const [name, variable] of Object.entries(VARIABLES)) {
    const value = readVariable(env, variable)
    if (value !== undefined) Object.assign(config, { [name]: value })
  }
  const { endpoint } = config
  if (endpoint !== undefined && !(URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol))) {
    throw new InvalidOptionError({
      option: 'S3_ENDPOINT',
      problem: `must be an http(s) URL, got a string of ${endpoint.length} characters`,
    })
  }
  const agent = createProxyAgents(env)
  return agent === undefined ? config : { ...config, agent }
}
