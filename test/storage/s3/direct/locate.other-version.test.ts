import { expect, it, vi } from 'vitest'
import { createS3Chain } from '../../../../src/storage/s3/direct/locate.js'

// As another major version might be: the names that are known here are gone.
vi.mock('@smithy/core/config', () => ({ loadConfig: undefined }))
vi.mock('@aws-sdk/credential-provider-node', () => ({ defaultProvider: undefined }))

it('createS3Chain asks the SDK’s client when the packages beside it are of another version', async () => {
  const identity = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
  const scope = 'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20261122%2Feu-west-1%2Fs3%2Faws4_request'
  const sign = async (): Promise<string> => `https://own.example.test/k?${scope}`
  const region = async (): Promise<string> => 'eu-west-1'
  const client = async () => ({ region, credentials: async () => identity, sign, signPublic: sign })
  const chain = createS3Chain({ bucket: 'media', client })
  expect(await chain.address()).toMatchObject({ host: 'own.example.test', region: 'eu-west-1' })
  expect(await chain.credentials()).toBe(identity)
})
