import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { describe, expect, it } from 'vitest'
import { findPlainAddress, isPlainBucket, readSignedAddress } from '../../../../src/storage/s3/direct/address.js'

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }

/** Where the SDK says that the bucket is. */
async function addressBySdk(bucket: string, region: string, endpoint?: string): Promise<string> {
  const there = endpoint === undefined ? {} : { endpoint, forcePathStyle: true }
  const client = new S3Client({ region, credentials, ...there })
  const url = await getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key: 'k' }))
  client.destroy()
  return url
}

const buckets = [
  'media',
  'my.media',
  'my-media',
  'ab',
  'abc',
  'Media',
  'my_media',
  '192.168.0.1',
  'a'.repeat(63),
  '0ab',
  'media-s3alias',
]
const regions = [
  'us-east-1',
  'eu-central-1',
  'ap-southeast-7',
  'mx-central-1',
  'il-central-1',
  'us-gov-west-1',
  'cn-north-1',
]

describe('plainAddress', () => {
  it.each(regions.flatMap((region) => buckets.map((bucket) => ({ region, bucket }))))(
    'is where the SDK finds $bucket in $region',
    async ({ region, bucket }) => {
      const signed = await addressBySdk(bucket, region)
      expect(findPlainAddress({ bucket, region, endpoint: undefined })).toEqual(readSignedAddress(signed))
    },
  )

  it.each([
    'http://127.0.0.1:9000',
    'https://e.example.test/storage/v1/s3',
    'https://e.example.test/storage/v1/s3/',
    'https://[::1]:9000',
    'https://ACCOUNT.r2.example.test',
  ])('is where the SDK finds buckets below %s', async (endpoint) => {
    for (const bucket of buckets) {
      const signed = await addressBySdk(bucket, 'auto', endpoint)
      expect(findPlainAddress({ bucket, region: 'auto', endpoint })).toEqual(readSignedAddress(signed))
    }
  })

  it.each([
    ['a partition that the SDK must know', { bucket: 'media', region: 'eusc-de-east-1', endpoint: undefined }],
    ['a pseudo region', { bucket: 'media', region: 'fips-us-east-1', endpoint: undefined }],
    [
      'a pseudo region below an endpoint',
      { bucket: 'media', region: 'aws-global', endpoint: 'https://e.example.test' },
    ],
    ['an endpoint that is no URL', { bucket: 'media', region: 'x', endpoint: 'e.example.test' }],
    ['an endpoint with a query', { bucket: 'media', region: 'x', endpoint: 'https://e.example.test/?a=b' }],
    ['an endpoint with a password', { bucket: 'media', region: 'x', endpoint: 'https://a:b@e.example.test' }],
    ['an endpoint of another protocol', { bucket: 'media', region: 'x', endpoint: 'ftp://e.example.test' }],
    ['a directory bucket', { bucket: 'media--use1-az4--x-s3', region: 'us-east-1', endpoint: undefined }],
  ])('leaves %s to the SDK', (_what, place) => {
    expect(findPlainAddress(place)).toBeUndefined()
  })
})

describe('isPlainBucket', () => {
  it.each([
    ['media', true],
    ['media-s3alias', true],
    ['arn:aws:s3:eu-central-1:123456789012:accesspoint/media', false],
    ['media--use1-az4--x-s3', false],
    ['media--xa-s3', false],
    ['media--op-s3', false],
  ])('of %s is %s', (bucket, isPlain) => {
    expect(isPlainBucket(bucket)).toBe(isPlain)
  })
})

describe('signedAddress', () => {
  it.each([
    [
      'another algorithm',
      'https://media.example.test/k?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-Credential=A/20261122/s3/aws4_request',
    ],
    [
      'another service',
      'https://media.example.test/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A/20261122/x/s3express/aws4_request',
    ],
    ['no signature', 'https://media.example.test/k'],
  ])('knows none for %s', (_what, url) => {
    expect(readSignedAddress(url)).toBeUndefined()
  })
})
