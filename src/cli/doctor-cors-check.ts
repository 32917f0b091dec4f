import type { CORSRule } from '@aws-sdk/client-s3'
import type { Answer, BucketConnection } from './doctor/bucket.js'
import { prescribedCors } from './doctor/cors.js'
import type { Finding } from './doctor/finding.js'

/**
 * Asks for a signed URL as a browser does for a page of each origin. The bucket's own configuration (`existing`) is only
 * kept in the fix: what the store answers is what a browser goes by.
 */
export async function checkCors(context: {
  connection: Pick<BucketConnection, 'command'>
  origins: readonly string[]
  existing: Answer<{ CORSRules?: CORSRule[] | undefined }>
  fetchFor: (origin: string) => Promise<Headers>
}): Promise<Finding> {
  const { connection, origins, existing, fetchFor } = context
  const check = 'CORS'
  const { CORSRules: rules } = prescribedCors(origins)
  const wanted = rules.flatMap(({ ExposeHeaders }) => ExposeHeaders)
  const refused: string[] = []
  const hidden = new Set<string>()
  for (const origin of origins) {
    const headers = await fetchFor(origin)
    const allowed = headers.get('access-control-allow-origin')
    if (allowed !== origin && allowed !== '*') refused.push(origin)
    else for (const name of hiddenNames(headers, wanted)) hidden.add(name)
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
      // A store goes by the first rule that fits (AWS: PutBucketCors).
      cors: { CORSRules: [...rules, ...kept] },
      command: connection.command('put-bucket-cors', '--cors-configuration file://cors.json'),
    },
  }
}

function hiddenNames(headers: Headers, wanted: readonly string[]): string[] {
  const exposed = (headers.get('access-control-expose-headers') ?? '').toLowerCase().split(/\s*,\s*/)
  return exposed.includes('*') ? [] : wanted.filter((name) => !exposed.includes(name.toLowerCase()))
}
