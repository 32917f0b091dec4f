import { Readable } from 'node:stream'
import { S3Client } from '@aws-sdk/client-s3'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { S3StorageOptions } from '../../../src/storage/s3/options.js'
import { createS3Storage, probeS3 } from '../../../src/storage/s3.js'

const found = vi.hoisted(() => ({ isAbsent: false }))
vi.mock('@aws-sdk/client-s3', async (original) => {
  const real = await original<typeof import('@aws-sdk/client-s3')>()
  return {
    ...real,
    get S3Client() {
      if (found.isAbsent)
        throw Object.assign(new Error("Cannot find package '@smithy/x'"), { code: 'ERR_MODULE_NOT_FOUND' })
      return real.S3Client
    },
  }
})

const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
const signing = { expiresIn: 60, contentType: 'image/jpeg', contentDisposition: 'inline' }
const bucket = 'media'

beforeEach(() => {
  found.isAbsent = false
  for (const name of ['REGION', 'PROFILE', 'ACCESS_KEY_ID', 'SECRET_ACCESS_KEY', 'SESSION_TOKEN']) {
    vi.stubEnv(`AWS_${name}`, undefined)
  }
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  for (const name of ['CONFIG_FILE', 'SHARED_CREDENTIALS_FILE']) vi.stubEnv(`AWS_${name}`, '/nowhere/at-all')
})

/** Each call of a storage, so that none tells less than another. */
function listCalls(options: object): (() => Promise<unknown>)[] {
  const storage = createS3Storage({ bucket, ...options })
  const put = {
    contentType: 'image/jpeg',
    contentDisposition: 'inline',
    size: 1,
    sha256: 'ab'.repeat(32),
    ifAbsent: true,
  }
  return [
    () => storage.put('a/b.jpg', Readable.from([Buffer.from('x')]), put),
    () => storage.head('a/b.jpg'),
    async () => storage.signedUrl?.('a/b.jpg', signing),
  ]
}

describe('createS3Storage', () => {
  it.each<[string, object]>([
    ['region', { region: '' }],
    ['region', { region: 'eu central' }],
    ['region', { region: 5 }],
    ['region', { region: null }],
    ['credentials', { credentials: null }],
    ['credentials', { credentials: 'AKIDEXAMPLE:secret' }],
    ['credentials.accessKeyId', { credentials: {} }],
    ['credentials.accessKeyId', { credentials: { ...keys, accessKeyId: undefined } }],
    ['credentials.accessKeyId', { credentials: { ...keys, accessKeyId: ' ' } }],
    ['credentials.secretAccessKey', { credentials: { accessKeyId: 'AKIDEXAMPLE' } }],
    ['credentials.secretAccessKey', { credentials: { ...keys, secretAccessKey: '' } }],
    ['credentials.secretAccessKey', { credentials: { ...keys, secretAccessKey: 7 } }],
  ])('refuses a wrong %s at once: %j', (option, wrong) => {
    const create = () => createS3Storage({ bucket, ...wrong } as S3StorageOptions)
    expect(create).toThrow(expect.objectContaining({ code: 'invalid-option', option }))
    expect(create).not.toThrow(/AKIDEXAMPLE|secret:/)
  })

  it.each([
    ['no region', {}, 'region-missing', 'AWS_REGION'],
    [
      'no region beside an endpoint',
      { endpoint: 'http://127.0.0.1:1', credentials: keys },
      'region-missing',
      'us-east-1',
    ],
    ['no credentials', { region: 'eu-central-1' }, 'CredentialsProviderError', 'AWS_ACCESS_KEY_ID'],
  ])('says in each call that it has %s', async (_name, options, reason, advice) => {
    for (const call of listCalls(options)) {
      const failure = { code: 'storage-failed', reason, retryable: false, message: expect.stringContaining(advice) }
      await expect(call()).rejects.toMatchObject(failure)
    }
  })

  it('says that half of the credentials in the environment are missing', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
    for (const call of listCalls({ region: 'eu-central-1' })) {
      await expect(call()).rejects.toThrow(/both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY/)
    }
  })

  it('signs nothing with credentials that have expired', async () => {
    const expired = async () => ({ ...keys, expiration: new Date(0) })
    const [put, , sign] = listCalls({ region: 'eu-central-1', credentials: expired })
    for (const call of [put, sign]) {
      await expect(call?.()).rejects.toMatchObject({ reason: 'credentials-expired', retryable: false })
    }
  })

  it('tells an SDK that does not start, tries again, and closes all the same', async () => {
    found.isAbsent = true
    const storage = createS3Storage({ bucket, region: 'eu-central-1', credentials: keys })
    await expect(storage.head('a/b.jpg')).rejects.toMatchObject({ code: 'storage-failed' })
    const late = storage.head('a/b.jpg').catch((error: unknown) => error)
    await storage.close?.()
    expect(await late).toMatchObject({ code: 'storage-failed' })
    await expect(probeS3({ bucket, region: 'x', credentials: keys })).rejects.toMatchObject({
      code: 'storage-failed',
      key: 'whatsapp-media-archive-probe/',
    })
    found.isAbsent = false
    const aborted = AbortSignal.abort(new Error('no more'))
    await expect(storage.head('a/b.jpg', { signal: aborted })).rejects.toThrow('no more')
  })

  it.each<[string, unknown, boolean]>([
    ['3.600.0', async () => [['aws-sdk-js', '3.600.0']], true],
    ['of today', async () => [['aws-sdk-js', '3.1169.0']], false],
    ['that tells no version', async () => [], false],
    ['that fails to tell it', () => Promise.reject(new Error('no')), false],
    ['without a way to tell it', undefined, false],
  ])('judges the client of an SDK %s', async (_name, defaultUserAgentProvider, isOld) => {
    const client = new S3Client({
      region: 'eu-central-1',
      credentials: keys,
      endpoint: 'http://127.0.0.1:1',
      maxAttempts: 1,
    })
    Reflect.set(client.config, 'defaultUserAgentProvider', defaultUserAgentProvider)
    const head = (): Promise<unknown> => createS3Storage({ bucket, client }).head('a/b.jpg')
    if (isOld) await expect(head()).rejects.toMatchObject({ reason: 'package-too-old', retryable: false })
    else await expect(head()).rejects.not.toMatchObject({ reason: 'package-too-old' })
  })
})
