import type { IamStatement } from './doctor-finding.js'

/** What a statement is about. */
export interface Resource {
  bucket: string
  region: string
}

/** A statement that allows actions on the bucket itself. */
export function bucketStatement(resource: Resource, ...actions: readonly string[]): IamStatement {
  return { Effect: 'Allow', Action: actions, Resource: bucketArn(resource) }
}

/** A statement that allows actions on the objects whose keys begin with `prefix`. */
export function objectStatement(resource: Resource & { prefix: string }, ...actions: readonly string[]): IamStatement {
  const arn = bucketArn(resource)
  // AWS: Configuring IAM policies for using access points.
  const objects = resource.bucket.startsWith('arn:') ? `${arn}/object` : arn
  return { Effect: 'Allow', Action: actions, Resource: `${objects}/${resource.prefix}*` }
}

/** What the writer and the readers of objects under SSE-KMS need (AWS: Protecting data with SSE-KMS). */
export function keyStatement({ region }: Resource, keyId: string): IamStatement {
  const keys = `arn:${partitionOf(region)}:kms:${region}:*:key/`
  const allow = { Effect: 'Allow', Action: ['kms:GenerateDataKey', 'kms:Decrypt'] } as const
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

function bucketArn({ bucket, region }: Resource): string {
  return bucket.startsWith('arn:') ? bucket : `arn:${partitionOf(region)}:s3:::${bucket}`
}

/** AWS: Amazon Resource Names. */
function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn'
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws'
}
