import { describe, expect, it } from 'vitest'
import { listStoreSecrets, rememberCredentials } from '../../../src/storage/s3/secrets.js'

const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret', sessionToken: 'example-session' }

describe('listStoreSecrets', () => {
  it('lists what the options hold', () => {
    const encryption = { type: 'SSE-KMS', keyId: 'alias/example' } as const
    expect(listStoreSecrets({ bucket: 'media', credentials: CREDENTIALS, encryption })).toEqual([
      'example-secret',
      'example-session',
      'alias/example',
    ])
    expect(listStoreSecrets({ bucket: 'media', encryption: { type: 'SSE-S3' } })).toEqual([])
  })

  it('lists what a function of credentials has given last', async () => {
    const options = rememberCredentials({ bucket: 'media', credentials: async () => CREDENTIALS })
    expect(listStoreSecrets(options)).toEqual([])
    if (typeof options.credentials === 'function') expect(await options.credentials()).toBe(CREDENTIALS)
    expect(listStoreSecrets(options)).toEqual(['example-secret', 'example-session'])
  })
})
