import type { Filled } from '../../json.js'
import type { BucketAnswer, BucketConnection } from './bucket.js'
import type { Finding } from './finding.js'
import { allowOnBucket } from './iam.js'

/** S3 refuses requests whose clock is further off (AWS: Error responses, RequestTimeTooSkewed). */
const MAX_SKEW_MS = 900_000
/** A machine with a working time service stays far below. */
const CLOCK_WARNING_MS = 60_000

/** Finds out whether the bucket is there, in this region, for these credentials, and whether the two clocks agree. */
export async function reachBucket(connection: BucketConnection): Promise<{ findings: Finding[]; isUsable: boolean }> {
  const { sdk, bucket, region, ask, lastAnswer } = connection
  const head = await ask((client, options) => client.send(new sdk.HeadBucketCommand({ Bucket: bucket }), options))
  const { headers, at } = lastAnswer() ?? { headers: {}, at: 0 }
  const clock = judgeClock(headers['date'], at)
  if (clock?.severity === 'error') return { findings: [clock], isUsable: false }
  const found = clock === undefined ? [] : [clock]

  const actual = findRegion(headers) ?? region
  if (actual !== region) {
    const isUsable = head.kind === 'answer'
    return { findings: [describeWrongRegion(connection, actual, isUsable), ...found], isUsable }
  }
  // A HEAD's answer has no body, and so no code: a GET that needs the same permission names the reason.
  const answer =
    head.kind === 'answer' || head.kind === 'unreachable'
      ? head
      : await ask((client, options) =>
          client.send(new sdk.ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1 }), options),
        )
  const { finding, isUsable } = judgeReach(connection, answer)
  return { findings: [finding, ...found], isUsable }
}

/** The region goes into a command that people copy into a shell: anything but a region's name stays out. */
function findRegion(headers: Readonly<Record<string, string>>): string | undefined {
  const [region] = /^[a-z0-9][a-z0-9-]{0,62}$/i.exec(headers['x-amz-bucket-region'] ?? '') ?? []
  return region
}

function judgeReach(
  connection: BucketConnection,
  answer: BucketAnswer<unknown>,
): { finding: Finding; isUsable: boolean } {
  const { bucket, place } = connection
  const check = 'bucket'
  if (answer.kind === 'answer') {
    return { finding: { check, severity: 'ok', finding: `${bucket} answers (${place})` }, isUsable: true }
  }
  const { reason } = answer
  if (answer.kind === 'denied' && !isAboutCredentials(reason)) {
    const finding: Finding = {
      check,
      severity: 'note',
      finding: `${bucket} is there; listing it is denied (${reason}), so a missing object looks like a denied one`,
      fix: {
        advice: 'The archive works without it; to grant it',
        statements: [allowOnBucket(connection, 's3:ListBucket')],
      },
    }
    return { finding, isUsable: true }
  }
  return {
    finding: { check, severity: 'error', ...describeUnusable(connection, answer) },
    isUsable: false,
  }
}

type Unusable = Filled<Pick<Finding, 'finding' | 'fix'>>
type RefusedAnswer = Exclude<BucketAnswer<unknown>, { kind: 'answer' }>

function describeUnusable(connection: BucketConnection, answer: RefusedAnswer): Unusable {
  const { bucket, place } = connection
  const { kind, reason, status } = answer
  // A web server that is no store answers 404, too.
  if (reason === 'NoSuchBucket') return describeMissing(connection)
  if (isAboutCredentials(reason)) return describeCredentials(reason)
  // The SDK says so before it sends anything.
  if (reason === 'InvalidBucketName') {
    return {
      finding: `${bucket} is no name of a bucket`,
      fix: { advice: 'Give the bare name (S3_BUCKET_NAME or --bucket), without s3:// and without a path' },
    }
  }
  if (kind === 'unreachable') {
    return {
      finding: `The store cannot be reached: ${reason} (${place})`,
      fix: { advice: 'Correct S3_ENDPOINT or --endpoint (http or https, host, port), or repair the network between' },
    }
  }
  return {
    finding: `The store answers a look at ${bucket} with ${reason}, HTTP ${status}`,
    fix: {
      advice:
        kind === 'absent'
          ? 'Correct S3_ENDPOINT or --endpoint: the server there answers otherwise than S3 does for a missing bucket'
          : 'Look for that code in the documentation of the store',
    },
  }
}

function describeMissing({ bucket, place, region, isAws, command }: BucketConnection): Unusable {
  // Other stores have one location, and refuse AWS's names for it (Ceph: IllegalLocationConstraintException).
  const location = region === 'us-east-1' || !isAws ? '' : ` --create-bucket-configuration LocationConstraint=${region}`
  return {
    finding: `There is no bucket ${bucket} (${place})`,
    fix: {
      advice: 'Correct the name (S3_BUCKET_NAME or --bucket), or make the bucket',
      command: command('create-bucket', `--region ${region}${location}`),
    },
  }
}

function describeCredentials(reason: string): Unusable {
  if (reason !== 'CredentialsProviderError') {
    return {
      finding: `The store does not accept the credentials (${reason})`,
      fix: { advice: 'Replace them; this prints whose they are', command: 'aws sts get-caller-identity' },
    }
  }
  return {
    finding: 'There are no AWS credentials: the AWS SDK found none in any of its places',
    fix: {
      advice: 'Run it with the role that the archive has, or set a profile or a key pair',
      command: 'export AWS_PROFILE=…    # or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    },
  }
}

/** AWS: Error responses. */
const CREDENTIAL_FAULTS = [
  'CredentialsProviderError',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
  'TokenRefreshRequired',
]

function isAboutCredentials(reason: string): boolean {
  return CREDENTIAL_FAULTS.includes(reason)
}

function describeWrongRegion({ bucket, region }: BucketConnection, actual: string, isUsable: boolean): Finding {
  return {
    check: 'region',
    severity: isUsable ? 'warning' : 'error',
    finding: `${bucket} is in ${actual}, and the settings say ${region}`,
    fix: { advice: 'Set the region of the bucket', command: `export AWS_REGION=${actual}` },
  }
}

function judgeClock(date: string | undefined, at: number): Finding | undefined {
  const skew = at - Date.parse(date ?? '')
  if (Number.isNaN(skew)) return undefined
  const size = Math.abs(skew)
  const seconds = Math.round(size / 1_000)
  if (size <= CLOCK_WARNING_MS) return { check: 'clock', severity: 'ok', finding: 'This clock and the store agree' }
  return {
    check: 'clock',
    severity: size > MAX_SKEW_MS ? 'error' : 'warning',
    finding: `This clock is ${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} the store; from 900 s on every request and signed URL is refused`,
    fix: { advice: 'Let a time service set the clock', command: 'sudo timedatectl set-ntp true' },
  }
}
