import { Readable } from 'node:stream'
import { S3Client } from '@aws-sdk/client-s3'
import { HttpResponse, http } from 'msw'
import { describe, expect, it } from 'vitest'
import { createS3Storage } from '../../src/storage/s3.js'
import { credentials, endpoint, object, open, putOptions, server, useServer } from './s3/stand-in.js'

useServer()

const storage = open()

describe('createS3Storage', () => {
  it.each(['', '.', '..', 'a/b', 'a b', 'a?b', 'a#b', undefined as unknown as string])(
    'refuses bucket %j',
    (bucket) => {
      expect(() => createS3Storage({ bucket })).toThrow(
        expect.objectContaining({ code: 'invalid-option', option: 'bucket' }),
      )
    },
  )

  it.each(['', 'a/../b', '..', './a', 7 as unknown as string])('refuses key %j without a request', async (key) => {
    const refused = { code: 'invalid-option', option: 'key' }
    await expect(storage.put(key, Readable.from(['hello']), putOptions())).rejects.toMatchObject(refused)
    await expect(storage.head(key)).rejects.toMatchObject(refused)
    await expect(storage.address(key)).rejects.toMatchObject(refused)
    await expect(
      storage.signedUrl?.(key, { expiresIn: 60, contentType: 'image/jpeg', contentDisposition: 'inline' }),
    ).rejects.toMatchObject(refused)
  })

  it('takes an access point', () => {
    const bucket = 'arn:aws:s3:eu-central-1:123456789012:accesspoint/media'
    expect(createS3Storage({ bucket }).bucket).toBe(bucket)
  })

  it('closes only what it made', async () => {
    const unused = createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint, credentials })
    await unused.close?.()
    const client = new S3Client({ region: 'eu-central-1', endpoint, credentials, forcePathStyle: true })
    let destroyed = 0
    client.destroy = () => {
      destroyed++
    }
    const given = createS3Storage({ bucket: 'media', client })
    server.use(http.delete(object, () => new HttpResponse(null, { status: 204 })))
    await given.delete('a/b.jpg')
    await given.close?.()
    expect(destroyed).toBe(0)
    const own = createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint, credentials })
    await own.delete('a/b.jpg')
    await own.close?.()
  })
})

describe('expectedBucketOwner', () => {
  it('goes with every request and signed URL', async () => {
    const seen: string[] = []
    const note = ({ request }: { request: Request }): Response => {
      seen.push(`${request.method} ${request.headers.get('x-amz-expected-bucket-owner')}`)
      return new HttpResponse(null, { status: 200, headers: { etag: '"e"' } })
    }
    server.use(http.all(object, note))
    const owned = open({ expectedBucketOwner: '123456789012' })
    await owned.put('a/b.jpg', Readable.from(['hello']), putOptions())
    await owned.head('a/b.jpg')
    await owned.get('a/b.jpg').then((found) => found?.body.resume())
    await owned.delete('a/b.jpg')
    expect(seen).toEqual(['PUT', 'HEAD', 'GET', 'DELETE'].map((method) => `${method} 123456789012`))
    const signed = await owned.signedUrl?.('a/b.jpg', {
      expiresIn: 60,
      contentType: 'image/jpeg',
      contentDisposition: 'inline',
    })
    expect(new URL(signed?.url ?? '').searchParams.get('x-amz-expected-bucket-owner')).toBe('123456789012')
    expect(await owned.address('a/b.jpg')).toBe(object)
  })
})
