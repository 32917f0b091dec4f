import { describeValue, InvalidOptionError } from '../../errors.js'

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

/** A wildcard without a domain of one owner behind it: `https://*example.com` is `https://evilexample.com`, too. */
const ANYONES = /\*(?!\.[^.*]+\.[^.*])/

/**
 * What a bucket needs so that scripts on these origins may read signed URLs: `fetch()`, and images and video whose
 * pixels a page uses. Plain `<img>`, `<video>` and links need no CORS. It only reads: GET and HEAD.
 *
 * @param origins of the pages, such as `https://app.example.org`: scheme, host and port, nothing after them. One `*` in
 *   the host is S3's wildcard (AWS: Elements of a CORS configuration).
 * @throws InvalidOptionError when there is none, or one is no origin. `*`, `https://*` and `https://*.com` are none: name
 *   who reads.
 */
export function prescribedCors(origins: readonly string[]): CorsConfiguration {
  if (origins.length === 0)
    throw new InvalidOptionError({ option: 'origins', problem: 'must name at least one origin' })
  for (const origin of origins) {
    // S3 compares with what browsers send, letter by letter: a slash at the end, and nothing matches.
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
