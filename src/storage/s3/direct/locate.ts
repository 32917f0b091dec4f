import type { S3ClientConfig } from '@aws-sdk/client-s3'
import type { HttpAgents } from '../../../http/agents.js'
import { findPackage } from '../../../runtime/load-package.js'
import { isSameIdentity } from '../renewal.js'
import { describeAgents, SILENT } from '../sdk/connection.js'
import { findPlainAddress, isPlainBucket, readSignedAddress } from './address.js'
import type { S3Address, S3Credentials } from './signature-v4.js'

/**
 * Reads region, endpoint and credentials with the SDK's own chain, and loads as little of the SDK as possible: its two
 * small packages that read environment and shared configuration, the whole client only where these do not suffice.
 */
export interface S3Chain {
  /** Where this library reaches the bucket; `undefined` where only the SDK knows the way. */
  address(): Promise<S3Address | undefined>
  /** The same as readers reach it. */
  publicAddress(): Promise<S3Address | undefined>
  /** Credentials that are valid for 5 minutes at least, if the provider has such. */
  credentials(): Promise<S3Credentials>
  /** Asks the provider anew. @returns whether it gave others. */
  renewCredentials(): Promise<boolean>
}

export interface S3ChainOptions {
  bucket: string
  region?: string | undefined
  endpoint?: string | undefined
  publicEndpoint?: string | undefined
  credentials?: S3ClientConfig['credentials'] | undefined
  /** For the requests of providers. Default: the SDK's own. */
  agent?: HttpAgents | undefined
  /** The SDK's client: its region, its credentials, and a URL that it signed for the key `k`. Rejects without credentials. */
  client: () => Promise<{
    region(): Promise<string>
    credentials(wishes: ProviderWishes): Promise<S3Credentials>
    sign(): Promise<string>
    signPublic(): Promise<string>
  }>
}

/** What the SDK's providers take: without it they answer from their memory. */
interface ProviderWishes {
  forceRefresh: boolean
}

export function createS3Chain(options: S3ChainOptions): S3Chain {
  const { bucket, endpoint, publicEndpoint = endpoint, agent, client } = options
  const requestHandler = agent === undefined ? {} : { requestHandler: describeAgents(agent) }
  const region = keepSuccess(async () => options.region ?? (await readRegion()) ?? (await (await client()).region()))

  const locate = (url: string | undefined, sign: () => Promise<string>): (() => Promise<S3Address | undefined>) =>
    keepSuccess(async () => {
      if (!isPlainBucket(bucket)) return undefined
      const plain = (await isLedElsewhere(url))
        ? undefined
        : findPlainAddress({ bucket, region: await region(), endpoint: url })
      return plain ?? readSignedAddress(await sign())
    })

  const identity = keepWhileAlive(async (wishes) => {
    const { credentials = await readCredentials() } = options
    if (credentials === undefined) return (await client()).credentials(wishes)
    // As the SDK calls providers: some ask another service, in the same region and the same way, or speak to the console.
    return typeof credentials === 'function'
      ? credentials({ ...wishes, callerClientConfig: { region, logger: SILENT, ...requestHandler } })
      : credentials
  })

  return {
    address: locate(endpoint, async () => (await client()).sign()),
    publicAddress: locate(publicEndpoint, async () => (await client()).signPublic()),
    credentials: identity.get,
    renewCredentials: identity.renew,
  }
}

/** The region of environment and shared configuration; `undefined` where the SDK's reader is not to be had. */
async function readRegion(): Promise<string | undefined> {
  const config = await loadConfigReader()
  return config?.loadConfig(config.NODE_REGION_CONFIG_OPTIONS, config.NODE_REGION_CONFIG_FILE_OPTIONS)()
}

/**
 * True when environment or shared configuration lead elsewhere than to AWS's standard addresses or the given endpoint.
 * FIPS and dual stack always do: the SDK refuses an endpoint together with them.
 */
async function isLedElsewhere(endpoint: string | undefined): Promise<boolean> {
  const config = await loadConfigReader()
  if (config === undefined) return true
  const { loadConfig, NODE_USE_FIPS_ENDPOINT_CONFIG_OPTIONS, NODE_USE_DUALSTACK_ENDPOINT_CONFIG_OPTIONS } = config
  // AWS SDKs and Tools Reference Guide: Service-specific endpoints.
  const hasEndpoint = loadConfig<boolean>({
    environmentVariableSelector: (env) =>
      isSet(env['AWS_ENDPOINT_URL_S3']) || isSet(env['AWS_ENDPOINT_URL']) || undefined,
    configFileSelector: (profile) =>
      Object.entries(profile).some(([name, value]) => /^(?:services|endpoint.url)$/.test(name) && isSet(value)) ||
      undefined,
    default: false,
  })
  const answers = await Promise.all([
    endpoint === undefined && hasEndpoint(),
    loadConfig<boolean | undefined>(NODE_USE_FIPS_ENDPOINT_CONFIG_OPTIONS)(),
    loadConfig<boolean | undefined>(NODE_USE_DUALSTACK_ENDPOINT_CONFIG_OPTIONS)(),
  ])
  return answers.includes(true)
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== ''
}

type ConfigReader = typeof import('@smithy/core/config')

/**
 * A package manager that keeps packages apart may hide the SDK's dependencies, or show another version's; then the
 * SDK's client is asked.
 */
async function loadConfigReader(): Promise<ConfigReader | undefined> {
  const config = await findPackage({ name: '@smithy/core', part: 'config' }, () => import('@smithy/core/config'))
  return typeof config?.loadConfig === 'function' ? config : undefined
}

async function readCredentials(): Promise<S3ClientConfig['credentials']> {
  const name = '@aws-sdk/credential-provider-node'
  const chain = await findPackage({ name }, () => import('@aws-sdk/credential-provider-node'))
  if (typeof chain?.defaultProvider !== 'function') return undefined
  // Else it would remember the files that it has read, and never see that they were changed.
  return chain.defaultProvider({ logger: SILENT, ignoreCache: true })
}

/** The SDK renews credentials that expire sooner than this, in milliseconds. */
const RENEW_BEFORE_MS = 300_000

/** The same credentials until they are about to expire. Calls during a fetch wait for the same answer. */
function keepWhileAlive(fetch: (wishes: ProviderWishes) => Promise<S3Credentials>): {
  get(): Promise<S3Credentials>
  renew(): Promise<boolean>
} {
  let current: S3Credentials | undefined
  let pending: Promise<S3Credentials> | undefined
  const ask = async (forceRefresh: boolean): Promise<S3Credentials> => {
    pending ??= fetch({ forceRefresh }).finally(() => {
      pending = undefined
    })
    current = checkResolvedCredentials(await pending)
    return current
  }
  return {
    async get() {
      const diesAt = current?.expiration?.getTime() ?? Number.POSITIVE_INFINITY
      return current !== undefined && diesAt - Date.now() >= RENEW_BEFORE_MS ? current : ask(false)
    },
    async renew() {
      // Those that were never given can't have been refused.
      if (current === undefined) return false
      const last = current
      return !isSameIdentity(last, await ask(true))
    },
  }
}

function checkResolvedCredentials(credentials: S3Credentials): S3Credentials {
  const { accessKeyId, secretAccessKey }: { accessKeyId?: unknown; secretAccessKey?: unknown } = { ...credentials }
  const isWhole = [accessKeyId, secretAccessKey].every((part) => typeof part === 'string' && part !== '')
  if (isWhole && hasExpired(credentials)) throw createProviderError('the provider gave credentials that have expired')
  if (isWhole) return credentials
  throw createProviderError('the provider gave no credentials')
}

function hasExpired({ expiration }: S3Credentials): boolean {
  return expiration !== undefined && expiration.getTime() <= Date.now()
}

function createProviderError(message: string): Error {
  return Object.assign(new Error(message), { name: 'CredentialsProviderError' })
}

/** Keeps the first success; a failure is tried again. */
function keepSuccess<T>(compute: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return () => {
    result ??= compute().catch((error: unknown) => {
      result = undefined
      throw error
    })
    return result
  }
}
