import type { Answer, BucketConnection } from './bucket.js'
import type { Finding } from './finding.js'
import { bucketStatement } from './iam.js'

/** S3 refuses requests that are further off (AWS: Error responses, RequestTimeTooSkewed). */
const MAX_SKEW_MS = 900_000
/** What a machine with a working time service stays below by far. */
const WORTH_TELLING_MS = 60_000

/** Whether the bucket is there, in this region, for these credentials, and whether the two clocks agree. */
export async function reachBucket(connection: BucketConnection): Promise<{ findings: Finding[]; isUsable: boolean }> {
  const { sdk, bucket, region, ask, lastAnswer } = connection
  const head = await ask((client, options) => client.send(new sdk.HeadBucketCommand({ Bucket: bucket }), options))
  const { headers, at } = lastAnswer() ?? { headers: {}, at: 0 }
  const clock = checkClock(headers['date'], at)
  if (clock?.severity === 'error') return { findings: [clock], isUsable: false }
  const found = clock === undefined ? [] : [clock]

  const actual = regionIn(headers) ?? region
  if (actual !== region) {
    const isUsable = head.kind === 'answer'
    return { findings: [wrongRegion(connection, actual, isUsable), ...found], isUsable }
  }
  // A HEAD's answer has no body, and so no code: why it was refused is told to a GET that takes the same permission.
  const told =
    head.kind === 'answer' || head.kind === 'unreachable'
      ? head
      : await ask((client, options) =>
          client.send(new sdk.ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1 }), options),
        )
  const { finding, isUsable } = judge(connection, told)
  return { findings: [finding, ...found], isUsable }
}

/** It goes into a command that people copy into a shell: whatever is no region's name stays out. */
function regionIn(headers: Readonly<Record<string, string>>): string | undefined {
  const [region] = /^[a-z0-9][a-z0-9-]{0,62}$/i.exec(headers['x-amz-bucket-region'] ?? '') ?? []
  return region
}

function judge(connection: BucketConnection, answer: Answer<unknown>): { finding: Finding; isUsable: boolean } {
  const { bucket, place } = connection
  const check = 'bucket'
  if (answer.kind === 'answer') {
    return { finding: { check, severity: 'ok', finding: `${bucket} answers (${place})` }, isUsable: true }
  }
  const { reason, status } = answer
  if (answer.kind === 'denied' && !isAboutCredentials(reason)) {
    const finding: Finding = {
      check,
      severity: 'note',
      finding: `${bucket} is there; listing it is denied (${reason}), so that an object that does not exist looks like one that is denied`,
      fix: {
        advice: 'The archive works without it; to grant it',
        statements: [bucketStatement(connection, 's3:ListBucket')],
      },
    }
    return { finding, isUsable: true }
  }
  return {
    finding: { check, severity: 'error', ...unusable(connection, { ...answer, reason, status }) },
    isUsable: false,
  }
}

type Unusable = Pick<Finding, 'finding' | 'fix'>

function unusable(
  { bucket, place, region, isAws, command }: BucketConnection,
  { kind, reason, status }: { kind: string; reason: string; status: number | undefined },
): Unusable {
  // A web server that is no store says 404, too.
  if (reason === 'NoSuchBucket') {
    // Other stores have one place, and refuse AWS's names for it (Ceph: IllegalLocationConstraintException).
    const location =
      region === 'us-east-1' || !isAws ? '' : ` --create-bucket-configuration LocationConstraint=${region}`
    return {
      finding: `There is no bucket ${bucket} (${place})`,
      fix: {
        advice: 'Mend the name (S3_BUCKET_NAME or --bucket), or make the bucket',
        command: command('create-bucket', `--region ${region}${location}`),
      },
    }
  }
  if (reason === 'CredentialsProviderError') {
    return {
      finding: 'There are no AWS credentials: none of the places where the AWS SDK looks has any',
      fix: {
        advice: 'Run it with the role that the archive has, or set a profile or a key pair',
        command: 'export AWS_PROFILE=…    # or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
      },
    }
  }
  if (isAboutCredentials(reason)) {
    return {
      finding: `The store does not accept the credentials (${reason})`,
      fix: { advice: 'Replace them; this tells whose they are', command: 'aws sts get-caller-identity' },
    }
  }
  // By the SDK, before anything is sent.
  if (reason === 'InvalidBucketName') {
    return {
      finding: `${bucket} is no name of a bucket`,
      fix: { advice: 'Give the bare name (S3_BUCKET_NAME or --bucket), without s3:// and without a path' },
    }
  }
  if (kind === 'unreachable') {
    return {
      finding: `The store cannot be reached: ${reason} (${place})`,
      fix: { advice: 'Mend S3_ENDPOINT or --endpoint (http or https, host, port), or the way there' },
    }
  }
  return {
    finding: `The store answers a look at ${bucket} with ${reason}, HTTP ${status}`,
    fix: {
      advice:
        kind === 'absent'
          ? 'Mend S3_ENDPOINT or --endpoint: what answers there does not speak as S3 does of a bucket that is missing'
          : 'Look for that code in the documentation of the store',
    },
  }
}

/** AWS: Error responses. */
const OF_CREDENTIALS = [
  'CredentialsProviderError',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
  'TokenRefreshRequired',
]

function isAboutCredentials(reason: string): boolean {
  return OF_CREDENTIALS.includes(reason)
}

function wrongRegion({ bucket, region }: BucketConnection, actual: string, isUsable: boolean): Finding {
  return {
    check: 'region',
    severity: isUsable ? 'warning' : 'error',
    finding: `${bucket} is in ${actual}, and was asked for in ${region}`,
    fix: { advice: 'Set the region of the bucket', command: `export AWS_REGION=${actual}` },
  }
}

function checkClock(date: string | undefined, at: number): Finding | undefined {
  const skew = at - Date.parse(date ?? '')
  if (Number.isNaN(skew)) return undefined
  const size = Math.abs(skew)
  const seconds = Math.round(size / 1_000)
  if (size <= WORTH_TELLING_MS) return { check: 'clock', severity: 'ok', finding: 'This clock and the store agree' }
  return {
    check: 'clock',
    severity: size > MAX_SKEW_MS ? 'error' : 'warning',
    finding: `This clock is ${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} the store; from 900 s on every request and signed URL is refused`,
    fix: { advice: 'Let a time service set the clock', command: 'sudo timedatectl set-ntp true' },
  }
}
