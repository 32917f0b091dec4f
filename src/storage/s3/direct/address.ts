import type { S3Address } from './signature-v4.js'

/** The AWS partitions whose addresses have one form. The SDK knows the others (AWS: Regional endpoints). */
const DNS_SUFFIXES: readonly (readonly [RegExp, string])[] = [
  [/^(?:us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+$/, 'amazonaws.com'],
  [/^us-gov-\w+-\d+$/, 'amazonaws.com'],
  [/^cn-\w+-\d+$/, 'amazonaws.com.cn'],
]

/** Access points, and directory buckets and their kin by their suffix: they have addresses, regions and sessions of their own. */
export function isPlainBucket(bucket: string): boolean {
  return !bucket.startsWith('arn:') && !/--[\w-]*s3$/.test(bucket)
}

/**
 * Where a plain bucket answers, as the SDK resolves it: below `endpoint` in path style; on AWS under a host of its own,
 * unless no certificate covers its name. `undefined` for places that only the SDK knows.
 */
export function findPlainAddress({
  bucket,
  region,
  endpoint,
}: {
  bucket: string
  region: string
  endpoint: string | undefined
}): S3Address | undefined {
  if (!isPlainBucket(bucket)) return undefined
  if (endpoint !== undefined) return buildEndpointAddress(endpoint, bucket, region)
  const [, suffix] = DNS_SUFFIXES.find(([pattern]) => pattern.test(region)) ?? []
  if (suffix === undefined) return undefined
  const service = `s3.${region}.${suffix}`
  // A dot would leave the certificate's `*.s3.…`, and with capitals or so few letters it is no host name of S3's.
  const isHost = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(bucket)
  const host = isHost ? `${bucket}.${service}` : service
  return { origin: `https://${host}`, host, path: isHost ? '' : `/${bucket}`, region }
}

function buildEndpointAddress(endpoint: string, bucket: string, region: string): S3Address | undefined {
  // Pseudo regions stand for other ones.
  if (!/^[a-z\d][a-z\d-]{0,62}$/i.test(region) || /fips|^aws-global$/.test(region) || !URL.canParse(endpoint)) {
    return undefined
  }
  const { protocol, origin, host, pathname, username, password, search, hash } = new URL(endpoint)
  const isPlain = (protocol === 'https:' || protocol === 'http:') && `${username}${password}${search}${hash}` === ''
  return isPlain ? { origin, host, path: `${pathname.replace(/\/+$/, '')}/${bucket}`, region } : undefined
}

/**
 * The same from a URL that the SDK signed for the key `k`. `undefined` when it is signed otherwise than with signature
 * version 4 for S3.
 */
export function readSignedAddress(signedUrl: string): S3Address | undefined {
  const { origin, host, pathname, searchParams } = new URL(signedUrl)
  const scope = /\/\d{8}\/([a-z\d-]+)\/s3\/aws4_request$/i.exec(searchParams.get('X-Amz-Credential') ?? '')
  const region = searchParams.get('X-Amz-Algorithm') === 'AWS4-HMAC-SHA256' ? scope?.[1] : undefined
  return region === undefined ? undefined : { origin, host, path: pathname.replace(/\/k$/, ''), region }
}
