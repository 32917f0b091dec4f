import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { S3Client } from '@aws-sdk/client-s3'
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createS3Storage, type S3StorageOptions } from '../../../src/storage/s3.js'
import type { ObjectStorage } from '../../../src/storage.js'

const server = setupServer()
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => server.resetHandlers())
afterAll(() => server.close())

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
const region = 'eu-central-1'
const bytes = Buffer.from('hello')

const put = (storage: ObjectStorage, key = 'a/b.jpg'): Promise<unknown> =>
  storage.put(key, Readable.from([bytes]), {
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    contentType: 'image/jpeg',
    contentDisposition: 'inline',
    ifAbsent: true,
  })

describe('createS3Storage', () => {
  const arn = 'arn:aws:s3:eu-central-1:123456789012:accesspoint/media'
  const fips: Record<string, string> = { AWS_USE_FIPS_ENDPOINT: 'true' }
  const dualStack: Record<string, string> = { AWS_USE_DUALSTACK_ENDPOINT: 'true' }
  const other: Record<string, string> = { AWS_ENDPOINT_URL_S3: 'https://s3.other.test' }

  it.each<[string, string, S3StorageOptions, Record<string, string>, string]>([
    ['directly', 'plain buckets', { bucket: 'media', region }, {}, 'media.s3.eu-central-1.amazonaws.com'],
    ['directly', 'dotted names', { bucket: 'my.media', region }, {}, 's3.eu-central-1.amazonaws.com'],
    ['directly', 'endpoints', { bucket: 'media', region, endpoint: 'https://s3.test' }, {}, 's3.test'],
    ['directly', 'FIPS', { bucket: 'media', region }, fips, 'media.s3-fips.eu-central-1.amazonaws.com'],
    ['directly', 'dual stack', { bucket: 'media', region }, dualStack, 'media.s3.dualstack.eu-central-1.amazonaws.com'],
    ['directly', 'an endpoint of the environment', { bucket: 'media', region }, other, 'media.s3.other.test'],
    [
      'directly',
      'FIPS as a region',
      { bucket: 'media', region: 'us-east-1-fips' },
      {},
      'media.s3-fips.us-east-1.amazonaws.com',
    ],
    [
      'with the SDK',
      'access points',
      { bucket: arn, region },
      {},
      'media-123456789012.s3-accesspoint.eu-central-1.amazonaws.com',
    ],
    [
      'with the SDK',
      'given clients',
      { bucket: 'media', client: new S3Client({ region, credentials }) },
      {},
      'media.s3.eu-central-1.amazonaws.com',
    ],
  ])('puts %s: %s', async (way, _what, options, environment, host) => {
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
    const seen: { host: string; agent: string | null; authorization: string | null }[] = []
    server.use(
      http.put(/.*/, async ({ request }) => {
        await request.arrayBuffer()
        const { headers, url } = request
        seen.push({
          host: new URL(url).host,
          agent: headers.get('user-agent'),
          authorization: headers.get('authorization'),
        })
        return new HttpResponse(null, { status: 200, headers: { etag: '"e"' } })
      }),
    )
    const storage = createS3Storage(options.client === undefined ? { ...options, credentials } : options)
    expect(await put(storage)).toMatchObject({ outcome: 'stored' })
    const agent = way === 'directly' ? 'whatsapp-media-archive' : expect.stringContaining('aws-sdk-js')
    expect(seen).toEqual([{ host, agent, authorization: expect.stringContaining('Credential=AKIDEXAMPLE/') }])
    await storage.close?.()
  })

  it('reads directly, and with the SDK where only that knows the way', async () => {
    const agents: (string | null)[] = []
    server.use(
      http.get(/.*/, ({ request }) => {
        agents.push(request.headers.get('user-agent'))
        return new HttpResponse('hello')
      }),
    )
    for (const bucket of ['media', arn]) {
      const storage = createS3Storage({ bucket, region, credentials })
      const found = await storage.get('a/b.jpg')
      expect(String(await found?.body.toArray())).toBe('hello')
      await storage.close?.()
    }
    expect(agents).toEqual(['whatsapp-media-archive', expect.stringContaining('aws-sdk-js')])
  })

  it('fails as the SDK does where that refuses an endpoint: with FIPS', async () => {
    vi.stubEnv('AWS_USE_FIPS_ENDPOINT', 'true')
    const storage = createS3Storage({ bucket: 'media', region, endpoint: 'https://s3.test', credentials })
    await expect(put(storage)).rejects.toMatchObject({ code: 'storage-failed', retryable: false })
  })

  it('has the SDK sign and name what lies behind an access point', async () => {
    const storage = createS3Storage({ bucket: arn, region, credentials })
    const host = 'media-123456789012.s3-accesspoint.eu-central-1.amazonaws.com'
    expect(await storage.address('a/b.jpg')).toBe(`https://${host}/a/b.jpg`)
    const signing = { expiresIn: 60, contentType: 'image/jpeg', contentDisposition: 'inline' }
    expect((await storage.signedUrl?.('a/b.jpg', signing))?.url).toContain(`https://${host}/a/b.jpg?`)
    await storage.close?.()
  })
})
