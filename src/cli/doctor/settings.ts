import type { PolicyStatus, PublicAccessBlockConfiguration } from '@aws-sdk/client-s3'
import type { Filled } from '../../json.js'
import type { BucketAnswer, BucketConnection } from './bucket.js'
import type { EncryptionAnswer } from './encryption.js'
import type { Finding, Fix } from './finding.js'
import { type Judgement, judgeSetting } from './judgement.js'
import { judgeLifecycle } from './lifecycle.js'

/** The bucket's settings, as findings and for the other checks. */
export interface SettingsFacts {
  findings: Finding[]
  policyStatus: BucketAnswer<{ PolicyStatus?: PolicyStatus | undefined }>
  encryption: EncryptionAnswer
}

/** Reads how the bucket is set up: public access block, policy status, encryption, versioning, lifecycle. */
export async function examineSettings(
  connection: BucketConnection,
  options: { prefix: string },
): Promise<SettingsFacts> {
  const { sdk, ask } = connection
  const input = { Bucket: connection.bucket }
  const block = await ask((client, o) => client.send(new sdk.GetPublicAccessBlockCommand(input), o))
  const policyStatus = await ask((client, o) => client.send(new sdk.GetBucketPolicyStatusCommand(input), o))
  const encryption = await ask((client, o) => client.send(new sdk.GetBucketEncryptionCommand(input), o))
  const versioning = await ask((client, o) => client.send(new sdk.GetBucketVersioningCommand(input), o))
  const lifecycle = await ask((client, o) => client.send(new sdk.GetBucketLifecycleConfigurationCommand(input), o))
  const { Status: status } = versioning.kind === 'answer' ? versioning.value : {}
  // Suspended means no new versions; the old ones stay.
  const isVersioned = status !== undefined
  return {
    findings: [
      judgeSetting(connection, {
        check: 'block public access',
        action: 's3:GetBucketPublicAccessBlock',
        answer: block,
        judge: (found) => judgeBlock(connection, found?.PublicAccessBlockConfiguration),
      }),
      judgeSetting(connection, {
        check: 'versioning',
        action: 's3:GetBucketVersioning',
        answer: versioning,
        judge: () => judgeVersioning(status),
      }),
      judgeSetting(connection, {
        check: 'lifecycle',
        action: 's3:GetLifecycleConfiguration',
        answer: lifecycle,
        judge: (found) =>
          judgeLifecycle(connection, {
            ...options,
            isVersioned,
            rules: found?.Rules ?? [],
            minimumObjectSize: found?.TransitionDefaultMinimumObjectSize,
          }),
      }),
    ],
    policyStatus,
    encryption,
  }
}

const BLOCKS = ['BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'] as const

function judgeBlock(connection: BucketConnection, found: PublicAccessBlockConfiguration = {}): Judgement {
  const off = BLOCKS.filter((name) => found[name] !== true)
  if (off.length === 0) return { severity: 'ok', finding: 'All four settings are on' }
  return {
    severity: 'warning',
    finding: off.length === BLOCKS.length ? 'It is off' : `Off: ${off.join(', ')}`,
    fix: blockPublicAccess(connection, 'Turn all of it on'),
  }
}

/** AWS: Blocking public access to your Amazon S3 storage. */
export function blockPublicAccess(
  { command, isAws }: Pick<BucketConnection, 'command' | 'isAws'>,
  advice: string,
): Filled<Pick<Fix, 'advice' | 'command'>> {
  const settings = BLOCKS.map((name) => `${name}=true`).join(',')
  return {
    advice: isAws ? advice : `${advice}; with Ceph 16 leave BlockPublicAcls out, which denies every write there`,
    command: command('put-public-access-block', `--public-access-block-configuration ${settings}`),
  }
}

function judgeVersioning(status: string | undefined): Judgement {
  if (status === undefined)
    return { severity: 'ok', finding: 'Off; each key is written once, so there are no older versions' }
  if (status !== 'Enabled')
    return {
      severity: 'note',
      finding: 'Suspended: older versions from before stay until a lifecycle rule removes them',
    }
  return {
    severity: 'note',
    finding: 'On: an erased object stays as an older version until a lifecycle rule removes it',
  }
}
