import { expect, it, vi } from 'vitest'
import { createS3Storage } from '../../../src/storage/s3.js'

// Package managers that keep packages apart show none of those that the SDK brings along.
vi.mock('@smithy/core/config', () => {
  throw new Error('Cannot find package')
})
vi.mock('@aws-sdk/credential-provider-node', () => {
  throw new Error('Cannot find package')
})

const signing = { expiresIn: 60, contentType: 'image/jpeg', contentDisposition: 'inline' }

it('createS3Storage asks the SDK’s client for region and credentials when the packages beside it are hidden', async () => {
  vi.stubEnv('AWS_REGION', 'ap-south-1')
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDENV')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-env')
  const storage = createS3Storage({ bucket: 'media' })
  const { host, searchParams } = new URL((await storage.signedUrl?.('a/b.jpg', signing))?.url ?? '')
  expect(host).toBe('media.s3.ap-south-1.amazonaws.com')
  expect(searchParams.get('X-Amz-Credential')).toMatch(/^AKIDENV\/\d{8}\/ap-south-1\/s3\//)
  await storage.close?.()
  const asking = async (asked: Record<string, unknown> = {}) => {
    const { region } = asked['callerClientConfig'] as { region: () => Promise<string> }
    return { accessKeyId: `AKID-${await region()}`, secretAccessKey: 'example-secret' }
  }
  const provided = createS3Storage({ bucket: 'media', credentials: asking })
  expect((await provided.signedUrl?.('a/b.jpg', signing))?.url).toContain('X-Amz-Credential=AKID-ap-south-1%2F')
  await provided.close?.()
})
