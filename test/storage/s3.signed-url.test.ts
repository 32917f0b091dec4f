import { expect, it } from 'vitest'
import { createS3Storage } from '../../src/storage/s3.js'

it.each([1, 2, 3])(
  `signedUrl promises no more than the credentials it signed with, when they are renewed after %i calls`,
  async (early) => {
    const ends = new Map<string, Date>()
    const storage = createS3Storage({
      bucket: 'media',
      region: 'eu-central-1',
      // The SDK asks anew for credentials that have less than five minutes left: each call gets others.
      credentials: async () => {
        const accessKeyId = `AKID${ends.size}`
        const expiration = new Date(Date.now() + (ends.size < early ? 60_000 : 7_200_000))
        ends.set(accessKeyId, expiration)
        return { accessKeyId, secretAccessKey: 'example-secret', expiration }
      },
    })
    const signing = { expiresIn: 3_600, contentType: 'image/jpeg', contentDisposition: 'inline' }
    const signed = await storage.signedUrl?.('a/b.jpg', signing)
    const [signer = ''] = new URL(signed?.url ?? '').searchParams.get('X-Amz-Credential')?.split('/') ?? []
    expect(ends.size).toBeGreaterThan(1)
    expect(signed?.expiresAt.getTime()).toBeLessThanOrEqual(ends.get(signer)?.getTime() ?? 0)
  },
)
