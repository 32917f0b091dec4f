import { S3Client } from '@aws-sdk/client-s3'
import { expect, it } from 'vitest'
import { createS3Storage } from '../../../src/storage/s3.js'

const region = 'eu-central-1'
const kinds = ['its own client', 'a given client'] as const

it.each(kinds.flatMap((kind) => [1, 2, 3].map((early) => ({ kind, early }))))(
  'signedUrl with $kind promises no more than the credentials it signed with, when they are renewed after $early calls',
  async ({ kind, early }) => {
    const ends = new Map<string, Date>()
    // Credentials that have less than five minutes left are asked for anew: each call gets others.
    const credentials = async () => {
      const accessKeyId = `AKID${ends.size}`
      const expiration = new Date(Date.now() + (ends.size < early ? 60_000 : 7_200_000))
      ends.set(accessKeyId, expiration)
      return { accessKeyId, secretAccessKey: 'example-secret', expiration }
    }
    const storage = createS3Storage({
      bucket: 'media',
      ...(kind === 'a given client' ? { client: new S3Client({ region, credentials }) } : { region, credentials }),
    })
    const signing = { expiresIn: 3_600, contentType: 'image/jpeg', contentDisposition: 'inline' }
    const signers = new Set<string>()
    for (let call = 0; call < early + 2; call++) {
      const signed = await storage.signedUrl?.('a/b.jpg', signing)
      const [signer = ''] = new URL(signed?.url ?? '').searchParams.get('X-Amz-Credential')?.split('/') ?? []
      signers.add(signer)
      expect(signed?.expiresAt.getTime()).toBeLessThanOrEqual(ends.get(signer)?.getTime() ?? 0)
    }
    expect(ends.size).toBeGreaterThan(1)
    // The last ones live long, and are kept.
    expect([...signers].at(-1)).toBe([...ends.keys()].at(-1))
  },
)
