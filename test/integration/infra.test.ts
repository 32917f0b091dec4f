import { randomUUID } from 'node:crypto'
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation'
import {
  type CORSRule,
  GetBucketEncryptionCommand,
  GetBucketPolicyCommand,
  type LifecycleRule,
  PutBucketCorsCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutPublicAccessBlockCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, describe, expect, it } from 'vitest'
import { examine, worse } from '../cli/doctor/run.js'
import { readTemplate, resolveTemplate, type Template, templateText } from '../examples/infra-template.js'
import { createBucket } from './bucket.js'

const { S3_ENDPOINT: endpoint = '', S3_SERVER: server = '', AWS_REGION: region = '' } = process.env
const ORIGIN = 'https://app.example.com'
const isMoto = server === 'moto'
const client = new S3Client({ endpoint, forcePathStyle: true })
afterAll(() => client.destroy())

/** What the doctor thinks of a bucket, but for the note that there is no access token. */
async function findingsOf(bucket: string) {
  const { findings } = await examine({ bucket, endpoint, region, origins: [ORIGIN], probe: false })
  return worse(findings.slice(1))
}

interface CfnRule {
  Id: string
  Status: 'Enabled'
  Prefix?: string
  AbortIncompleteMultipartUpload?: { DaysAfterInitiation: number }
  ExpirationInDays?: string
  Transitions?: { TransitionInDays: number; StorageClass: 'INTELLIGENT_TIERING' }[]
}

/**
 * Sets a bucket up by calls of S3 as CloudFormation would by the same properties: of a bucket moto's CloudFormation respects
 * encryption only (and it has no bucket policies), and Ceph has no CloudFormation. Left out is what a server lacks: Intelligent-Tiering is AWS's, Ceph has no keys here, and
 * version 16 denies every write while BlockPublicAcls is on.
 */
async function setUp(Bucket: string, { Resources }: Template): Promise<void> {
  const { PublicAccessBlockConfiguration, CorsConfiguration, LifecycleConfiguration } = Object(
    Resources['MediaBucket']?.Properties,
  )
  const block = { ...PublicAccessBlockConfiguration, ...(server === 'ceph16' ? { BlockPublicAcls: false } : {}) }
  await client.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: block }))
  const [{ ExposedHeaders, MaxAge, ...cors }] = CorsConfiguration.CorsRules
  const CORSRules: CORSRule[] = [{ ...cors, ExposeHeaders: ExposedHeaders, MaxAgeSeconds: MaxAge }]
  await client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }))
  const rules: CfnRule[] = LifecycleConfiguration.Rules
  const Rules = rules
    .filter(({ Id }) => isMoto || Id !== 'intelligent-tiering')
    .map(
      ({ Id, Prefix = '', ExpirationInDays, Transitions, ...rule }): LifecycleRule => ({
        ...rule,
        ...(Transitions === undefined
          ? {}
          : { Transitions: Transitions.map(({ TransitionInDays: Days, StorageClass }) => ({ Days, StorageClass })) }),
        ID: Id,
        Filter: { Prefix },
        ...(ExpirationInDays === undefined ? {} : { Expiration: { Days: Number(ExpirationInDays) } }),
      }),
    )
  await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }))
  const encryption = { Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' as const } }] }
  if (isMoto)
    await client.send(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: encryption }))
}

const LACKS: Readonly<Record<string, readonly string[]>> = {
  ceph16: ['default encryption', 'block public access'],
  ceph20: ['default encryption'],
  // It checks no signature of a list, and so lists any bucket for anyone.
  moto: ['public access'],
}

function resolveFor(bucket: string): Template {
  return resolveTemplate(readTemplate(), {
    parameters: { BucketName: bucket, CorsOrigins: [ORIGIN], ExpireAfterDays: '90' },
    resources: { MediaBucket: bucket, 'MediaBucket.Arn': `arn:aws:s3:::${bucket}` },
  })
}

it("the doctor finds nothing to fix in the template's bucket", async () => {
  const bucket = await createBucket()
  await setUp(bucket, resolveFor(bucket))
  const found = await findingsOf(bucket)
  expect(found.map(({ check }) => check)).toEqual(LACKS[server])
})

// Whether plain http is refused is not to be seen here: over http Ceph heeds the Deny never, and moto always.
it("the server takes the template's bucket policy as it is written", async () => {
  const bucket = await createBucket()
  const { PolicyDocument } = resolveFor(bucket).Resources['MediaBucketPolicy']?.Properties ?? {}
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify(PolicyDocument) }))
  const { Policy = '' } = await client.send(new GetBucketPolicyCommand({ Bucket: bucket }))
  expect(JSON.parse(Policy)).toEqual(PolicyDocument)
})

// Only moto has CloudFormation.
if (isMoto) describe('deployed by CloudFormation', deployed)

function deployed(): void {
  const formation = new CloudFormationClient({ endpoint })
  afterAll(() => formation.destroy())

  async function deploy(parameters: Record<string, string> = {}) {
    const StackName = `media-${randomUUID()}`
    await formation.send(
      new CreateStackCommand({
        StackName,
        TemplateBody: templateText,
        Capabilities: ['CAPABILITY_IAM'],
        Parameters: Object.entries(parameters).map(([ParameterKey, ParameterValue]) => ({
          ParameterKey,
          ParameterValue,
        })),
      }),
    )
    const { Stacks } = await formation.send(new DescribeStacksCommand({ StackName }))
    const { StackResources = [] } = await formation.send(new DescribeStackResourcesCommand({ StackName }))
    const outputs = Object.fromEntries(
      (Stacks?.[0]?.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]),
    )
    const idOf = (name: string) =>
      String(StackResources.find(({ LogicalResourceId }) => LogicalResourceId === name)?.PhysicalResourceId)
    return {
      status: Stacks?.[0]?.StackStatus,
      outputs,
      idOf,
    }
  }

  /** One inline policy of a role. moto takes the service from the header, and checks no signature. */
  async function policyOf(RoleName: string, PolicyName: string): Promise<unknown> {
    const authorization = `AWS4-HMAC-SHA256 Credential=testing/20261122/${region}/iam/aws4_request, SignedHeaders=host, Signature=0`
    const body = new URLSearchParams({ Action: 'GetRolePolicy', Version: '2010-05-08', RoleName, PolicyName })
    const answer = await (await fetch(endpoint, { method: 'POST', headers: { authorization }, body })).text()
    const [, document = ''] = /<PolicyDocument>([^<]*)</.exec(answer) ?? []
    // It writes the document as Python does, and keeps what AWS::NoValue takes out of lists.
    return JSON.parse(decodeURIComponent(document).replaceAll("'", '"').replaceAll(', None', ''))
  }

  it('makes bucket and roles, and names them', async () => {
    const { status, outputs, idOf } = await deploy()
    expect(status).toBe('CREATE_COMPLETE')
    const { BucketName: Bucket = '' } = outputs
    expect(outputs).toEqual({
      BucketName: idOf('MediaBucket'),
      ArchiveRoleArn: expect.stringMatching(/^arn:aws:iam::\d{12}:role\//),
      ReaderRoleArn: expect.stringMatching(/^arn:aws:iam::\d{12}:role\//),
    })
    const { ServerSideEncryptionConfiguration } = await client.send(new GetBucketEncryptionCommand({ Bucket }))
    expect(ServerSideEncryptionConfiguration?.Rules).toMatchObject([
      { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } },
    ])
    const resource = `arn:aws:s3:::${Bucket}/whatsapp-media/*`
    expect(await policyOf(idOf('ArchiveRole'), 'archive-media')).toMatchObject({
      Statement: [{ Effect: 'Allow', Action: ['s3:PutObject', 's3:GetObject'], Resource: resource }],
    })
    expect(await policyOf(idOf('ReaderRole'), 'read-media')).toMatchObject({
      Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: resource }],
    })
  })

  it('takes name, prefix and key from its parameters', async () => {
    const key = 'arn:aws:kms:us-east-1:111122223333:key/0a0a0a0a-0000-0000-0000-000000000000'
    const name = `media-${randomUUID()}`
    const { status, outputs, idOf } = await deploy({
      BucketName: name,
      KeyPrefix: 'media/',
      ExpireAfterDays: '90',
      CorsOrigins: 'https://app.example.com,https://desk.example.com',
      KmsKeyArn: key,
    })
    expect([status, outputs['BucketName']]).toEqual(['CREATE_COMPLETE', name])
    const { ServerSideEncryptionConfiguration } = await client.send(new GetBucketEncryptionCommand({ Bucket: name }))
    expect(ServerSideEncryptionConfiguration?.Rules).toMatchObject([
      { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: key } },
    ])
    expect(await policyOf(idOf('ArchiveRole'), 'archive-media')).toMatchObject({
      Statement: [
        { Resource: `arn:aws:s3:::${name}/media/*` },
        { Effect: 'Allow', Action: ['kms:GenerateDataKey', 'kms:Decrypt'], Resource: key },
      ],
    })
  })
}
