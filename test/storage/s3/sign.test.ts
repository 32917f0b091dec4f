import { S3Client } from '@aws-sdk/client-s3'
import { describe, expect, it, vi } from 'vitest'
import { createS3Storage } from '../../../src/storage/s3.js'
import { credentials, endpoint, object, open, useServer } from './stand-in.js'

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
})
