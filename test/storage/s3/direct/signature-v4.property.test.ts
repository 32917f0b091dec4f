import {
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findPlainAddress } from '../../../../src/storage/s3/direct/address.js'
import {
  createS3Signer,
  encodeQuery,
  type S3Address,
  type S3Credentials,
} from '../../../../src/storage/s3/direct/signature-v4.js'

/** One signer for all cases: what it keeps from one signature must not show in the next. */
const signer = createS3Signer()

const secretText = fc.string({ unit: fc.constantFrom(...'aZ09/+=_-'), minLength: 1, maxLength: 60 })
const credentials: fc.Arbitrary<S3Credentials> = fc.record(
  {
    accessKeyId: secretText,
    secretAccessKey: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
    sessionToken: secretText,
  },
  { requiredKeys: ['accessKeyId', 'secretAccessKey'] },
)

/** Unicode, blanks, everything that URLs and signatures reserve; no half surrogates, which nobody can encode. */
const anyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom(...` !"#$%&'()*+,-./:;<=>?@[]^_\`{|}~\\`, '\u00e4', '\u2713', '😀'),
    fc.constantFrom('a', 'Z', '0'),
  ),
  minLength: 1,
  maxLength: 40,
})
const key = anyText.filter((text) => text.split('/').every((segment) => segment !== '.' && segment !== '..'))
/** What a header can carry. */
const headerText = fc.string({ unit: fc.constantFrom(...`abc \t"'();=*%,/`), maxLength: 40 }).map((text) => `x${text}x`)

const place = fc.constantFrom(
  { bucket: 'media', region: 'eu-central-1' },
  { bucket: 'my.media', region: 'us-east-1' },
  { bucket: 'media', region: 'cn-north-1' },
  { bucket: 'media', region: 'auto', endpoint: 'https://account.r2.example.test' },
  { bucket: 'Media_1', region: 'x', endpoint: 'http://127.0.0.1:9000' },
  { bucket: 'media', region: 'us-west-2', endpoint: 'https://e.example.test/storage/v1/s3/' },
)
const date = fc.date({ min: new Date(0), max: new Date('2099-12-31T23:59:59Z'), noInvalidDate: true })

type Place = { bucket: string; region: string; endpoint?: string }

function clientFor({ region, endpoint }: Place, credentials: S3Credentials): S3Client {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials
  const identity = { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) }
  const config: S3ClientConfig = {
    region,
    credentials: identity,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
  }
  return new S3Client(config)
}

function addressOf({ bucket, region, endpoint }: Place): S3Address {
  const address = findPlainAddress({ bucket, region, endpoint })
  if (address === undefined) throw new Error('no plain address')
  return address
}

describe('signQuery', () => {
  it('gives the URL that the official signer gives', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          place,
          credentials,
          key,
          contentType: headerText,
          contentDisposition: anyText,
          owner: fc.option(fc.constant('123456789012'), { nil: undefined }),
          signedAt: date,
          expiresIn: fc.integer({ min: 1, max: 604_800 }),
          method: fc.constantFrom('GET', 'HEAD'),
        }),
        async ({ method, place, credentials, key, contentType, contentDisposition, owner, signedAt, expiresIn }) => {
          const client = clientFor(place, credentials)
          const input = {
            Bucket: place.bucket,
            Key: key,
            ResponseContentType: contentType,
            ResponseContentDisposition: contentDisposition,
            ...(owner === undefined ? {} : { ExpectedBucketOwner: owner }),
          }
          const command = method === 'GET' ? new GetObjectCommand(input) : new HeadObjectCommand(input)
          const official = await getSignedUrl(client, command, { expiresIn, signingDate: signedAt })
          const query = encodeQuery({
            ...(method === 'GET' ? { 'x-id': 'GetObject' } : {}),
            'response-content-type': contentType,
            'response-content-disposition': contentDisposition,
            ...(owner === undefined ? {} : { 'x-amz-expected-bucket-owner': owner }),
          })
          const ours = signer.signQuery({ method, key, query, signedAt, expiresIn }, addressOf(place), credentials)
          client.destroy()
          expect(ours).toBe(official)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('signHeaders', () => {
  it('signs a PUT as the SDK signs it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ place, credentials, key, contentType: headerText, value: headerText, cached: fc.boolean() }),
        async ({ place, credentials, key, contentType, value, cached }) => {
          const official = await signedBySdk(clientFor(place, credentials), {
            Bucket: place.bucket,
            Key: key,
            Body: 'hello',
            ContentType: contentType,
            Metadata: { name: value },
            IfNoneMatch: '*',
            ...(cached ? { CacheControl: 'private, max-age=60' } : {}),
          })
          const { authorization, 'x-amz-date': time = '', 'x-amz-content-sha256': sha256 = '', ...headers } = official
          const { host, 'x-amz-security-token': token, ...given } = headers
          const signedAt = new Date(time.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'))
          const request = { method: 'PUT', key, headers: given, sha256, signedAt } as const
          const ours = signer.signHeaders(request, addressOf(place), credentials)
          expect(ours).toEqual(official)
        },
      ),
      { numRuns: 200 },
    )
  })
})

/** The headers that the SDK would send. */
async function signedBySdk(
  client: S3Client,
  input: ConstructorParameters<typeof PutObjectCommand>[0],
): Promise<Record<string, string>> {
  let sent: Record<string, string> = {}
  // The SDK names the operation in the query, which no S3 asks for.
  client.middlewareStack.add(
    (next) => (args) => {
      Object.assign(args.request as { query: object }, { query: {} })
      return next(args)
    },
    { step: 'build', name: 'without query' },
  )
  client.middlewareStack.add(
    () => async (args) => {
      sent = { ...(args.request as { headers: Record<string, string> }).headers }
      throw new Error('seen')
    },
    { step: 'deserialize', name: 'see' },
  )
  await expect(client.send(new PutObjectCommand(input))).rejects.toThrow('seen')
  client.destroy()
  return sent
}
