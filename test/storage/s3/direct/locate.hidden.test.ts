import { expect, it, vi } from 'vitest'
import { createS3Chain } from '../../../../src/storage/s3/direct/locate.js'

// Package managers that keep packages apart show none of those that the SDK brings along.
vi.mock('@smithy/core/config', () => {
  throw new Error('Cannot find package')
})
vi.mock('@aws-sdk/credential-provider-node', () => {
  throw new Error('Cannot find package')
})

const identity = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
const scope = 'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20261122%2Feu-west-1%2Fs3%2Faws4_request'
const client = async () => ({
  region: async () => 'eu-west-1',
  credentials: async () => identity,
  sign: async () => `https://own.example.test/k?${scope}`,
  signPublic: async () => `https://own.example.test/k?${scope}`,
})

it('createS3Chain asks the SDK’s client for what the hidden packages know', async () => {
  const chain = createS3Chain({ bucket: 'media', client })
  expect(await chain.address()).toMatchObject({ host: 'own.example.test', region: 'eu-west-1' })
  expect(await chain.credentials()).toBe(identity)
  // A provider asks for the region that its own service is in.
  const provider = async (asked: Record<string, unknown> = {}) => {
    const { region } = asked['callerClientConfig'] as { region: () => Promise<string> }
    return { ...identity, accessKeyId: await region() }
  }
  const provided = createS3Chain({ bucket: 'media', client, credentials: provider })
  expect(await provided.credentials()).toMatchObject({ accessKeyId: 'eu-west-1' })
  // The environment may ask for FIPS, which no endpoint goes together with.
  const below = createS3Chain({ bucket: 'media', endpoint: 'http://in.test', client })
  expect(await below.address()).toMatchObject({ host: 'own.example.test', region: 'eu-west-1' })
})
