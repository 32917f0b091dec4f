import { describe, expect, it, vi } from 'vitest'
import {
  findStoreSecrets,
  listStoreSecrets,
  rememberClient,
  rememberCredentials,
  rememberIdentity,
  rememberSignature,
} from '../../../src/storage/s3/secrets.js'
import { createS3Storage } from '../../../src/storage/s3.js'

const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret', sessionToken: 'example-session' }

describe('listStoreSecrets', () => {
  it('lists what the options hold', () => {
    const encryption = { type: 'SSE-KMS', keyId: 'alias/example' } as const
    expect(listStoreSecrets({ bucket: 'media', credentials: CREDENTIALS, encryption })).toEqual([
      'example-secret',
      'example-session',
      'AKIDEXAMPLE',
      'alias/example',
    ])
    expect(listStoreSecrets({ bucket: 'media', encryption: { type: 'SSE-S3' } })).toEqual([])
  })

  it('lists what a function of credentials has given last', async () => {
    const options = rememberCredentials({ bucket: 'media', credentials: async () => CREDENTIALS })
    expect(listStoreSecrets(options)).toEqual([])
    if (typeof options.credentials === 'function') expect(await options.credentials()).toBe(CREDENTIALS)
    expect(listStoreSecrets(options)).toEqual(['example-secret', 'example-session', 'AKIDEXAMPLE'])
  })
})

describe('a provider that fails', () => {
  it.each(['head', 'get', 'delete'] as const)('is asked once for each %s', async (operation) => {
    const provide = vi.fn(() => Promise.reject(Object.assign(new Error('down'), { code: 'ECONNREFUSED' })))
    const storage = createS3Storage({ bucket: 'media', region: 'eu-central-1', credentials: provide })
    for (const times of [1, 2, 3]) {
      await expect(storage[operation]?.('k')).rejects.toMatchObject({ reason: 'ECONNREFUSED', retryable: true })
      expect(provide).toHaveBeenCalledTimes(times)
    }
  })
})

describe('findStoreSecrets', () => {
  const SIGNATURE = 'ab'.repeat(32)

  it('lists what the chain, the client and the request had', async () => {
    const options = { bucket: 'media' }
    expect(rememberIdentity(options, CREDENTIALS)).toBe(CREDENTIALS)
    rememberClient(options, { config: { credentials: async () => ({ secretAccessKey: 'of the client' }) } })
    const authorization = `AWS4-HMAC-SHA256 Credential=A, SignedHeaders=host, Signature=${SIGNATURE}`
    const error = rememberSignature(new Error('refused'), { authorization })
    expect(await findStoreSecrets(options, error)).toEqual([
      ...['example-secret', 'example-session', 'AKIDEXAMPLE', 'of the client', SIGNATURE],
    ])
  })

  it.each([undefined, '', 'Basic abc', 'Signature=short'])('finds no signature in %j', async (authorization) => {
    const error = rememberSignature(new Error('refused'), { authorization })
    expect(await findStoreSecrets({ bucket: 'media' }, error)).toEqual([])
  })
})
