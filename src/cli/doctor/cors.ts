import type { CORSRule } from '@aws-sdk/client-s3'
import { describeValue } from '../../errors/describe.js'
import { InvalidOptionError } from '../../errors.js'
import type { BucketAnswer, BucketConnection } from './bucket.js'
import type { Finding } from './finding.js'

/** A bucket's CORS configuration, in the form of `aws s3api put-bucket-cors` and of the SDK's PutBucketCors. */
export interface CorsConfiguration {
  CORSRules: {
    AllowedOrigins: string[]
    AllowedMethods: string[]
    AllowedHeaders: string[]
    ExposeHeaders: string[]
    /** Seconds. */
    MaxAgeSeconds: number
  }[]
}

/** A wildcard that strangers' domains match, too: `https://*example.com` matches `https://evilexample.com`. */
const ANYONES = /\*(?!\.[^.*]+\.[^.*])/

/**
 * Builds the CORS configuration that lets scripts on these origins read signed URLs: `fetch()`, and images and video whose
 * pixels a page uses. Plain `<img>`, `<video>` and links need no CORS. It allows GET and HEAD only.
 *
 * @param origins of the pages, such as `https://app.example.org`: scheme, host and port, nothing after them. One `*` in
 *   the host is S3's wildcard (AWS: Elements of a CORS configuration).
 * @throws InvalidOptionError when there is none, or one is no origin. `*`, `https://*` and `https://*.com` are none: name
 *   who reads.
 */
export function prescribeCors(origins: readonly string[]): CorsConfiguration {
  if (origins.length === 0)
    throw new InvalidOptionError({ option: 'origins', problem: 'must name at least one origin' })
  for (const origin of origins) {
    // S3 compares with the browser's header letter by letter: with a slash at the end, nothing matches.
    if (!URL.canParse(origin) || new URL(origin).origin !== origin || ANYONES.test(origin)) {
      throw new InvalidOptionError({
        option: 'origins',
        problem: `must be like https://app.example.org, got ${describeValue(origin)}`,
      })
    }
  }
  return {
    CORSRules: [
      {
        AllowedOrigins: [...origins],
        AllowedMethods: ['GET', 'HEAD'],
        // Players ask for ranges, and caches whether they are up to date.
        AllowedHeaders: ['Range', 'If-Range', 'If-None-Match', 'If-Modified-Since'],
        ExposeHeaders: ['ETag', 'Content-Length', 'Content-Range', 'Content-Disposition'],
        MaxAgeSeconds: 3_600,
      },
    ],
  }
}

/**
 * Asks for a signed URL as a browser does for a page of each origin. The bucket's own configuration (`existing`) is only
 * kept in the fix: a browser obeys the store's answer.
 */
export async function judgeCorsAnswers(context: {
  connection: Pick<BucketConnection, 'command'>
  origins: readonly string[]
  existing: BucketAnswer<{ CORSRules?: CORSRule[] | undefined }>
  fetchFor: (origin: string) => Promise<Headers>
}): Promise<Finding> {
  const { connection, origins, existing, fetchFor } = context
  const check = 'CORS'
  const { CORSRules: rules } = prescribeCors(origins)
  const wanted = rules.flatMap(({ ExposeHeaders }) => ExposeHeaders)
  const refused: string[] = []
  const hidden = new Set<string>()
  for (const origin of origins) {
    const headers = await fetchFor(origin)
    const allowed = headers.get('access-control-allow-origin')
    if (allowed !== origin && allowed !== '*') refused.push(origin)
    else for (const name of findHiddenHeaders(headers, wanted)) hidden.add(name)
  }
  if (refused.length === 0 && hidden.size === 0) {
    return { check, severity: 'ok', finding: `Scripts of ${origins.join(', ')} may read signed URLs` }
  }
  const kept = existing.kind === 'answer' ? (existing.value.CORSRules ?? []) : []
  const isKnown = existing.kind === 'answer' || existing.kind === 'absent'
  return {
    check,
    severity: 'warning',
    finding:
      refused.length > 0
        ? `Scripts of ${refused.join(', ')} may not read signed URLs (img, audio and video elements may)`
        : `Scripts may read signed URLs, but not their headers ${[...hidden].join(', ')}`,
    fix: {
      advice: isKnown
        ? 'Set this as cors.json; rules that the bucket has already are in it'
        : 'Set this as cors.json; it replaces all rules of the bucket, which could not be read',
      // A store applies the first rule that fits (AWS: PutBucketCors).
      cors: { CORSRules: [...rules, ...kept] },
      command: connection.command('put-bucket-cors', '--cors-configuration file://cors.json'),
    },
  }
}

function findHiddenHeaders(headers: Headers, wanted: readonly string[]): string[] {
  const exposed = (headers.get('access-control-expose-headers') ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
  return exposed.includes('*') ? [] : wanted.filter((name) => !exposed.includes(name.toLowerCase()))
}
