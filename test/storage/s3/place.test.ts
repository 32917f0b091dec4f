import { describe, expect, it } from 'vitest'
import { createS3Storage } from '../../../src/storage/s3.js'
import { credentials } from './stand-in.js'

const open = (more: object) => () =>
  createS3Storage({ bucket: 'media', region: 'eu-central-1', credentials, ...more } as Parameters<
    typeof createS3Storage
  >[0])

describe.each(['endpoint', 'publicEndpoint'])('the option %s', (option) => {
  it.each([
    ['minio.local:9000', "got 'minio.local:9000', which lacks https:// or http://"],
    ['localhost:9000', "got 'localhost:9000', which lacks"],
    ['127.0.0.1', "got '127.0.0.1', which lacks"],
    ['https//127.0.0.1', "got 'https//127.0.0.1', which lacks the colon before //"],
    ['HTTP//minio:9000/a', "got 'HTTP//minio:9000', which lacks the colon"],
    ['http//user:geheim@minio', "got 'http//minio', which lacks the colon"],
    ['http/minio', "got 'http', which lacks https:// or http://"],
    ['ftp://127.0.0.1', 'must be an http(s) URL'],
    ['s3://media', 'must be an http(s) URL'],
    ['"http://127.0.0.1:9"', 'must be an http(s) URL'],
    ['http:minio', 'must be an http(s) URL'],
    ['http:///minio', "got 'http://minio'"],
    ['http:\\\\minio', 'must be an http(s) URL'],
    [' http://minio', 'must be an http(s) URL'],
    ['http://minio\n', 'must be an http(s) URL'],
    ['http://mi\tnio', 'must be an http(s) URL'],
    ['http://minio\u00a0', 'must be an http(s) URL'],
    ['http://user:geheim@minio', "without user and query, got 'http://minio'"],
    ['http://@minio', 'without user'],
    ['http://minio?', 'without user and query'],
    ['http://minio/#a', 'without user and query'],
    ['http://minio:0', "got 'http://minio:0'"],
    ['http://minio:99999', "got 'http://minio:99999'"],
    ['http://::1', 'must be an http(s) URL'],
    ['http://a..b', 'must be an http(s) URL'],
    ['http://.', 'must be an http(s) URL'],
    ['https://', 'must be an http(s) URL'],
    ['', "got ''"],
    [9000, 'got 9000'],
    [null, 'got null'],
    [new URL('http://minio'), 'got a value of type object'],
  ])('refuses %j when the storage is made', (value, words) => {
    expect(open({ [option]: value })).toThrow(
      expect.objectContaining({ code: 'invalid-option', option, message: expect.stringContaining(words) }),
    )
    expect(open({ [option]: value })).not.toThrow('geheim')
  })

  it.each([
    ['http://localhost:9000', 'http://localhost:9000/media/a.jpg'],
    ['https://s3.example', 'https://s3.example/media/a.jpg'],
    ['https://s3.example/', 'https://s3.example/media/a.jpg'],
    ['https://s3.example./', 'https://s3.example./media/a.jpg'],
    ['HTTPS://S3.Example:443', 'https://s3.example/media/a.jpg'],
    ['http://[::1]:9000', 'http://[::1]:9000/media/a.jpg'],
    ['https://gateway.example/s3/', 'https://gateway.example/s3/media/a.jpg'],
    ['https://bücher.example', 'https://xn--bcher-kva.example/media/a.jpg'],
  ])('takes %s', async (value, address) => {
    const storage = open({ endpoint: value, [option]: value })()
    expect(await storage.address('a.jpg')).toBe(address)
    expect(
      (await storage.signedUrl?.('a.jpg', { expiresIn: 60, contentType: 'a/b', contentDisposition: 'inline' }))?.url,
    ).toContain(address)
  })
})

describe('the option region', () => {
  it.each([
    ['us east 1', "got 'us east 1'"],
    ['eu_central_1', "got 'eu_central_1'"],
    ['us-east-1\n', 'got a string of 10 characters'],
    ['-x', 'letters, digits and hyphens'],
    ['', "got ''"],
    [null, 'got null'],
    ['eu-central-1a', "and not one of its availability zones: eu-central-1, got 'eu-central-1a'"],
  ])('refuses %j', (region, words) => {
    expect(open({ region })).toThrow(
      expect.objectContaining({ code: 'invalid-option', option: 'region', message: expect.stringContaining(words) }),
    )
  })

  it.each(['auto', 'garage', 'fsn1', 'us-gov-west-1', 'EU'])('takes %s', (region) => {
    expect(open({ region })).not.toThrow()
  })
})

describe('the option bucket', () => {
  it.each([
    ['xn--bcher-kva', "must not begin with xn--, got 'xn--bcher-kva'"],
    ['XN--a', 'must not begin with xn--'],
    ['s3://pixels-official/path', "without s3:// and path, got 's3://pixels-official/path'"],
    ['my bucket', "got 'my bucket'"],
    ['', "got ''"],
    ['..', "got '..'"],
    [undefined, 'got undefined'],
    ['a'.repeat(101).concat('?'), 'got a string of 102 characters'],
  ])('refuses %j, and shows it', (bucket, words) => {
    expect(open({ bucket })).toThrow(
      expect.objectContaining({ code: 'invalid-option', option: 'bucket', message: expect.stringContaining(words) }),
    )
  })
})
