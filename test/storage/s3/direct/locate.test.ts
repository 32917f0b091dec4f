import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createS3Chain, type S3ChainOptions } from '../../../../src/storage/s3/direct/locate.js'

const identity = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
const folder = await mkdtemp(join(tmpdir(), 's3-chain-'))
afterAll(() => rm(folder, { recursive: true }))

let files = 0
/** The SDK remembers what a file held, so each has a name of its own. */
async function configFile(content: string): Promise<void> {
  const file = join(folder, `config-${files++}`)
  await writeFile(file, content)
  vi.stubEnv('AWS_CONFIG_FILE', file)
}

beforeEach(() => {
  const names = ['REGION', 'PROFILE', 'ENDPOINT_URL', 'ENDPOINT_URL_S3', 'USE_FIPS_ENDPOINT', 'USE_DUALSTACK_ENDPOINT']
  for (const name of names) vi.stubEnv(`AWS_${name}`, undefined)
  vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'none'))
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'none'))
})

const signedIn = (host: string): string =>
  `https://${host}/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20261122%2Feu-west-1%2Fs3%2Faws4_request`

/** Fails where the SDK's client is not needed. */
const noClient: S3ChainOptions['client'] = () => Promise.reject(new Error('the client was loaded'))
const client: S3ChainOptions['client'] = async () => ({
  region: async () => 'eu-west-1',
  credentials: async () => identity,
  sign: async () => signedIn('own.example.test'),
  signPublic: async () => signedIn('public.example.test'),
})

const chain = (more: Partial<S3ChainOptions> = {}) => createS3Chain({ bucket: 'media', client: noClient, ...more })

describe('createS3Chain', () => {
  it('needs no client for what the options give', async () => {
    const region = 'eu-central-1'
    const given = chain({
      region,
      endpoint: 'http://in.test',
      publicEndpoint: 'https://out.test',
      credentials: identity,
    })
    expect(await given.address()).toMatchObject({ origin: 'http://in.test', path: '/media', region })
    expect(await given.publicAddress()).toMatchObject({ origin: 'https://out.test', path: '/media', region })
    expect(await given.credentials()).toEqual(identity)
    expect(await chain({ region }).publicAddress()).toMatchObject({ host: 'media.s3.eu-central-1.amazonaws.com' })
  })

  it('takes region and credentials from the environment', async () => {
    vi.stubEnv('AWS_REGION', 'ap-south-1')
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDENV')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-env')
    const found = chain()
    expect(await found.address()).toMatchObject({ host: 'media.s3.ap-south-1.amazonaws.com', region: 'ap-south-1' })
    expect(await found.credentials()).toMatchObject({ accessKeyId: 'AKIDENV', secretAccessKey: 'secret-env' })
  })

  it('takes the region from the shared configuration', async () => {
    await configFile('[default]\nregion = sa-east-1\n')
    expect(await chain({ endpoint: 'http://in.test' }).address()).toMatchObject({ region: 'sa-east-1' })
  })

  it('takes region and credentials of the profile that AWS_PROFILE names', async () => {
    const keys = 'aws_access_key_id = AKIDTEAM\naws_secret_access_key = secret-team'
    await configFile(`[default]\nregion = sa-east-1\n[profile team]\nregion = ca-central-1\n${keys}\n`)
    vi.stubEnv('AWS_PROFILE', 'team')
    const found = chain()
    expect(await found.address()).toMatchObject({ region: 'ca-central-1' })
    expect(await found.credentials()).toMatchObject({ accessKeyId: 'AKIDTEAM' })
  })

  it('says nothing on the console of what the environment has twice', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    vi.stubEnv('AWS_PROFILE', 'default')
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDENV')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-env')
    await configFile('[default]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = secret-profile\n')
    expect(await chain({ region: 'x' }).credentials()).toMatchObject({ accessKeyId: 'AKIDPROFILE' })
    expect(warn).not.toHaveBeenCalled()
  })

  it.each([
    ['AWS_ENDPOINT_URL_S3', 'http://127.0.0.1:9000'],
    ['AWS_ENDPOINT_URL', 'http://127.0.0.1:9000'],
    ['AWS_USE_FIPS_ENDPOINT', 'true'],
    ['AWS_USE_DUALSTACK_ENDPOINT', 'true'],
  ])('asks the SDK where the bucket is when %s is set', async (name, value) => {
    vi.stubEnv(name, value)
    const led = chain({ region: 'eu-west-1', client })
    expect(await led.address()).toEqual({
      origin: 'https://own.example.test',
      host: 'own.example.test',
      path: '',
      region: 'eu-west-1',
    })
    expect(await led.publicAddress()).toMatchObject({ host: 'public.example.test' })
  })

  it.each(['AWS_USE_FIPS_ENDPOINT', 'AWS_USE_DUALSTACK_ENDPOINT'])(
    'leaves it to the SDK to refuse an endpoint together with %s',
    async (name) => {
      vi.stubEnv(name, 'true')
      const refusing = async () => ({ ...(await client()), sign: () => Promise.reject(new Error('refused')) })
      const led = chain({ region: 'eu-west-1', endpoint: 'http://in.test', client: refusing })
      await expect(led.address()).rejects.toThrow('refused')
    },
  )

  it('prefers a given endpoint to those of the environment', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:9000')
    expect(await chain({ region: 'x', endpoint: 'http://in.test' }).address()).toMatchObject({ host: 'in.test' })
  })

  it.each([
    'endpoint_url = http://127.0.0.1:9000',
    'services = local\n[services local]\ns3 =\n  endpoint_url = http://x.test',
  ])('asks the SDK where the bucket is when the shared configuration says %j', async (line) => {
    await configFile(`[default]\n${line}\n`)
    expect(await chain({ region: 'eu-west-1', client }).address()).toMatchObject({ host: 'own.example.test' })
  })

  it('does not know the way to an access point', async () => {
    const bucket = 'arn:aws:s3:eu-central-1:123456789012:accesspoint/media'
    expect(await chain({ bucket, region: 'eu-central-1' }).address()).toBeUndefined()
  })

  it('does not know a way that the SDK signs otherwise', async () => {
    const express = async () => ({ ...(await client()), sign: async () => 'https://x.test/k?X-Amz-Algorithm=other' })
    expect(await chain({ region: 'eusc-de-east-1', client: express }).address()).toBeUndefined()
  })

  it('asks again for what failed once', async () => {
    let calls = 0
    const flaky: S3ChainOptions['client'] = async () => {
      if (calls++ === 0) throw new Error('not yet')
      return client()
    }
    const asking = chain({ region: 'eusc-de-east-1', client: flaky })
    await expect(asking.address()).rejects.toThrow('not yet')
    expect(await asking.address()).toMatchObject({ host: 'own.example.test' })
    expect(await asking.address()).toMatchObject({ host: 'own.example.test' })
    expect(calls).toBe(2)
  })
})

describe('credentials', () => {
  const livingFor = (ms: number) => ({ ...identity, expiration: new Date(Date.now() + ms) })

  it('asks a provider once for credentials that do not expire, and gives it the region', async () => {
    const provider = vi.fn(async (_asked?: Record<string, unknown>) => identity)
    const { credentials } = chain({ region: 'eu-central-1', credentials: provider })
    expect(await Promise.all([credentials(), credentials()])).toEqual([identity, identity])
    await credentials()
    expect(provider).toHaveBeenCalledTimes(1)
    const asked: unknown = provider.mock.calls[0]?.[0]?.['callerClientConfig']
    expect(await (asked as { region: () => Promise<string> }).region()).toBe('eu-central-1')
  })

  it('gives a provider the agent for requests of its own', async () => {
    const provider = vi.fn(async (_asked?: Record<string, unknown>) => identity)
    const agent = new Agent()
    await chain({ region: 'x', credentials: provider, agent }).credentials()
    await chain({ region: 'x', credentials: provider, agent: { https: agent } }).credentials()
    await chain({ region: 'x', credentials: provider }).credentials()
    const asked = provider.mock.calls.map(([options]) => Object(options?.['callerClientConfig']).requestHandler)
    expect(asked[0]).toEqual({ httpAgent: agent, httpsAgent: agent })
    expect(asked[1]).toEqual({ httpAgent: expect.objectContaining({ keepAlive: true }), httpsAgent: agent })
    expect(asked[2]).toBeUndefined()
  })

  it('renews credentials that expire within 5 minutes, and keeps others', async () => {
    const lives = [livingFor(299_000), livingFor(3_600_000), livingFor(3_600_000)]
    const provider = vi.fn(async () => lives.shift() ?? identity)
    const { credentials } = chain({ region: 'x', credentials: provider })
    for (let times = 0; times < 4; times++) await credentials()
    expect(provider).toHaveBeenCalledTimes(2)
  })

  it('asks again after a failure', async () => {
    const provider = vi
      .fn<() => Promise<typeof identity>>()
      .mockRejectedValueOnce(new Error('none yet'))
      .mockResolvedValue(identity)
    const { credentials } = chain({ region: 'x', credentials: provider })
    await expect(credentials()).rejects.toThrow('none yet')
    expect(await credentials()).toEqual(identity)
  })

  it.each([undefined, 'key', {}, { accessKeyId: 'A' }, { accessKeyId: 1, secretAccessKey: 's' }])(
    'refuses what is none: %j',
    async (odd) => {
      const provider = async () => odd as unknown as typeof identity
      await expect(chain({ region: 'x', credentials: provider }).credentials()).rejects.toMatchObject({
        name: 'CredentialsProviderError',
      })
    },
  )
})
