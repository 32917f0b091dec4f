import type { IamStatement } from './finding.js'

/** The bucket of a statement. */
export interface Resource {
  bucket: string
  region: string
}

/** A statement that allows actions on the bucket itself. */
export function allowOnBucket(resource: Resource, ...actions: readonly string[]): IamStatement {
  return { Effect: 'Allow', Action: actions, Resource: toBucketArn(resource) }
}

/** A statement that allows actions on the objects whose keys begin with `prefix`. */
export function allowOnObjects(resource: Resource & { prefix: string }, ...actions: readonly string[]): IamStatement {
  const arn = toBucketArn(resource)
  // AWS: Configuring IAM policies for using access points.
  const objects = resource.bucket.startsWith('arn:') ? `${arn}/object` : arn
  return { Effect: 'Allow', Action: actions, Resource: `${objects}/${resource.prefix}*` }
}

/**
 * A statement for the key that `action` needs on objects under SSE-KMS: readers only decrypt (AWS: Protecting data with
 * SSE-KMS).
 */
export function allowOnKey(
  { region, action }: Resource & { action: 's3:PutObject' | 's3:GetObject' },
  keyId: string,
): IamStatement {
  const keys = `arn:${findPartition(region)}:kms:${region}:*:key/`
  const actions = action === 's3:GetObject' ? ['kms:Decrypt'] : ['kms:GenerateDataKey', 'kms:Decrypt']
  const allow = { Effect: 'Allow', Action: actions } as const
  const [alias] = /alias\/.+$/.exec(keyId) ?? []
  // An alias names no key to IAM (AWS: Using aliases to control access to KMS keys).
  if (alias !== undefined) {
    return {
      ...allow,
      Resource: `${keys}*`,
      Condition: { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': alias } },
    }
  }
  return { ...allow, Resource: keyId.startsWith('arn:') ? keyId : `${keys}${keyId}` }
}

function toBucketArn({ bucket, region }: Resource): string {
  return bucket.startsWith('arn:') ? bucket : `arn:${findPartition(region)}:s3:::${bucket}`
}

/** AWS: Amazon Resource Names. */
function findPartition(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn'
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws'
}
