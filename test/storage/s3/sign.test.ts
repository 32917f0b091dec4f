import { Readable } from 'node:stream'
import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl as presign } from '@aws-sdk/s3-request-presigner'
import { HttpResponse, http } from 'msw'
import { describe, expect, it, vi } from 'vitest'
import { createS3Storage } from '../../../src/storage/s3.js'
import type { ObjectStorage, UrlSigner } from '../../../src/storage.js'
import { credentials, endpoint, object, open, openGiven, putOptions, server, useServer } from './stand-in.js'

useServer()

const storage = open()

describe('address', () => {
  it.each([
    [{ bucket: 'media', region: 'eu-central-1', credentials }, 'https://media.s3.eu-central-1.amazonaws.com/a/b.jpg'],
    [
      { bucket: 'my.media', region: 'eu-central-1', credentials },
      'https://s3.eu-central-1.amazonaws.com/my.media/a/b.jpg',
    ],
    [
      { bucket: 'media', region: 'x', endpoint: 'https://e.test/storage/v1/s3', credentials },
      'https://e.test/storage/v1/s3/media/a/b.jpg',
    ],
    [
      { bucket: 'media', region: 'x', endpoint, publicEndpoint: 'https://cdn.test', credentials },
      'https://cdn.test/media/a/b.jpg',
    ],
  ])('of %j is %s', async (options, address) => {
    const there = createS3Storage(options)
    expect(await there.address('a/b.jpg')).toBe(address)
    await there.close?.()
  })

  it('needs no credentials to know it, unless the SDK must be asked', async () => {
    let calls = 0
    const provider = async (): Promise<typeof credentials> => {
      if (calls++ === 0) throw Object.assign(new Error('none yet'), { name: 'CredentialsProviderError' })
      return credentials
    }
    const there = createS3Storage({ bucket: 'media', region: 'x', endpoint, credentials: provider })
    expect(await there.address('k')).toBe(`${endpoint}/media/k`)
    expect(calls).toBe(0)
    const client = new S3Client({ region: 'x', endpoint, forcePathStyle: true, credentials: provider })
    const told = createS3Storage({ bucket: 'media', client })
    await expect(told.address('k')).rejects.toMatchObject({ reason: 'CredentialsProviderError' })
    expect(await told.address('k')).toBe(`${endpoint}/media/k`)
  })

  it('takes region and credentials from the SDK’s own chain', async () => {
    vi.stubEnv('AWS_REGION', 'ap-south-1')
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'example-secret')
    expect(await createS3Storage({ bucket: 'media' }).address('k')).toBe('https://media.s3.ap-south-1.amazonaws.com/k')
  })

  it('encodes as the SDK does', async () => {
    expect(await storage.address("a/(1)'!*.jpg")).toBe(`${endpoint}/media/a/%281%29%27%21%2A.jpg`)
  })
})

describe('signedUrl', () => {
  const signing = { expiresIn: 600, contentType: 'image/jpeg', contentDisposition: 'inline' }

  it('forces type and disposition, and carries no checksum of nothing', async () => {
    const signedAt = new Date('2026-11-22T10:00:00Z')
    const signed = await storage.signedUrl?.('a/b.jpg', { ...signing, signedAt })
    const url = new URL(signed?.url ?? '')
    expect(`${url.origin}${url.pathname}`).toBe(object)
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      'response-content-type': 'image/jpeg',
      'response-content-disposition': 'inline',
      'X-Amz-Expires': '600',
      'X-Amz-Date': '20261122T100000Z',
    })
    expect([...url.searchParams.keys()].filter((name) => /checksum/i.test(name))).toEqual([])
    expect(signed?.expiresAt).toEqual(new Date('2026-11-22T10:10:00Z'))
  })

  it('signs for the public endpoint', async () => {
    const there = createS3Storage({
      bucket: 'media',
      region: 'x',
      endpoint,
      publicEndpoint: 'https://cdn.test',
      credentials,
    })
    expect((await there.signedUrl?.('a/b.jpg', signing))?.url).toMatch(/^https:\/\/cdn\.test\/media\/a\/b\.jpg\?/)
  })

  it('says when the credentials end first', async () => {
    const expiration = new Date(Date.now() + 60_000)
    const there = createS3Storage({
      bucket: 'media',
      region: 'x',
      endpoint,
      credentials: { ...credentials, expiration },
    })
    expect((await there.signedUrl?.('a/b.jpg', signing))?.expiresAt).toEqual(expiration)
  })

  it('reports missing credentials', async () => {
    const poor = createS3Storage({
      bucket: 'media',
      region: 'x',
      credentials: () => Promise.reject(Object.assign(new Error('none'), { name: 'CredentialsProviderError' })),
    })
    await expect(poor.signedUrl?.('a/b.jpg', signing)).rejects.toMatchObject({
      operation: 'sign',
      reason: 'CredentialsProviderError',
    })
  })

  it.each([
    ['own', open],
    ['given', openGiven],
  ])('signs a HEAD, as the SDK does (%s client)', async (_whose, openStorage) => {
    const client = new S3Client({ region: 'eu-central-1', endpoint, credentials, forcePathStyle: true })
    const signedAt = new Date('2026-11-22T10:00:00Z')
    const forced = { ResponseContentType: 'image/jpeg', ResponseContentDisposition: 'inline' }
    const command = new HeadObjectCommand({ Bucket: 'media', Key: 'a/b.jpg', ...forced })
    const official = await presign(client, command, { expiresIn: 600, signingDate: signedAt })
    const signed = await openStorage().signedUrl?.('a/b.jpg', { ...signing, signedAt, method: 'HEAD' })
    expect(signed?.url).toBe(official)
  })

  describe.each([20, -20, 61])('on a machine whose clock is %i minutes off', (minutes) => {
    const offMs = minutes * 60_000
    /** The store says its time in each answer. */
    const answerWithTime = (): void =>
      server.use(
        http.put(object, async ({ request }) => {
          await request.text()
          const date = new Date(Date.now() - offMs).toUTCString()
          return new HttpResponse(null, { status: 200, headers: { etag: '"e"', date } })
        }),
      )
    const put = (there: ObjectStorage) => there.put('a/b.jpg', Readable.from(['hello']), putOptions())
    const readTime = (url = ''): number => {
      const written = new URL(url).searchParams.get('X-Amz-Date') ?? ''
      return Date.parse(written.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'))
    }

    it.each([
      ['own', open],
      ['given', openGiven],
    ])('signs in the store’s time, once a put has told it (%s client)', async (_whose, openStorage) => {
      answerWithTime()
      const there = openStorage()
      const signedAt = new Date()
      expect(readTime((await there.signedUrl?.('a/b.jpg', { ...signing, signedAt }))?.url)).toBe(
        floorToSeconds(signedAt),
      )
      await put(there)
      const signed = await there.signedUrl?.('a/b.jpg', { ...signing, signedAt })
      expect(Math.abs(readTime(signed?.url) + offMs - signedAt.getTime())).toBeLessThan(60_000)
      // In our own time.
      expect(signed?.expiresAt).toEqual(new Date(signedAt.getTime() + 600_000))
      expect((await there.signedUrl?.('a/b.jpg', { ...signing, signedAt }))?.url).toBe(signed?.url)
    })

    it('lets a signer sign in that time, too', async () => {
      answerWithTime()
      const asked: number[] = []
      const signer: UrlSigner = {
        async signedUrl(_key, { signedAt = new Date(), expiresIn }) {
          asked.push(signedAt.getTime())
          return { url: 'https://cdn.test/', expiresAt: new Date(signedAt.getTime() + expiresIn * 1_000) }
        },
      }
      const there = createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint, credentials, signer })
      await put(there)
      const signedAt = new Date()
      const signed = await there.signedUrl?.('a/b.jpg', { ...signing, signedAt })
      expect(Math.abs((asked[0] ?? 0) + offMs - signedAt.getTime())).toBeLessThan(60_000)
      expect(signed?.expiresAt).toEqual(new Date(signedAt.getTime() + 600_000))
    })
  })
})

function floorToSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1_000) * 1_000
}
