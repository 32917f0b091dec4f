import { randomUUID } from 'node:crypto'
import {
  CreateBucketCommand,
  ListObjectVersionsCommand,
  PutBucketAclCommand,
  PutBucketCorsCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutPublicAccessBlockCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, describe, expect, it } from 'vitest'
import { prescribeCors } from '../../src/cli/doctor/cors.js'
import type { Finding } from '../../src/cli/doctor/finding.js'
import { probeS3 } from '../../src/storage/s3.js'
import { examine, worse } from '../cli/doctor/run.js'
import { createBucket } from './bucket.js'

const { S3_ENDPOINT: endpoint = '', S3_SERVER: server = '', AWS_REGION: region = '' } = process.env
const ORIGIN = 'https://app.example.com'
const PREFIX = 'whatsapp-media/'
const client = new S3Client({ endpoint, forcePathStyle: true })
afterAll(() => client.destroy())

/**
 * What a server has by nature, in a bucket that is set up as well as it can be. Neither Ceph has keys here to encrypt by
 * default; version 16 denies every write while BlockPublicAcls is on, and takes no aws-chunked bodies; moto checks no
 * checksums, and no signature of a list: anyone lists any bucket.
 */
const OWN: Readonly<Record<string, readonly string[]>> = {
  ceph16: ['block public access', 'default encryption', 'probe: framing'],
  ceph20: ['default encryption'],
  moto: ['probe: checksum', 'public access'],
}

async function examineBucket(bucket: string, { origins = [ORIGIN], probe = false } = {}) {
  const examined = await examine({ bucket, endpoint, region, origins, probe }, { probe: probeS3 })
  expect(examined.text).not.toContain(process.env['AWS_SECRET_ACCESS_KEY'])
  expect(examined.text).not.toContain('X-Amz-')
  // Without the note that no access token is given.
  return { ...examined, found: worse(examined.findings.slice(1)) }
}

const blockAll = (on: boolean) => ({
  BlockPublicAcls: on && server !== 'ceph16',
  IgnorePublicAcls: on,
  BlockPublicPolicy: on,
  RestrictPublicBuckets: on,
})
const ENCRYPTION = { Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' as const } }] }
const LIFECYCLE = {
  Rules: [
    {
      ID: 'abort',
      Status: 'Enabled' as const,
      Filter: { Prefix: '' },
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
    },
  ],
}

/** A bucket as the doctor would have it, but for the settings left out. */
async function createGoodBucket({ without = [] }: { without?: readonly string[] } = {}): Promise<string> {
  const Bucket = await createBucket()
  const settings = {
    'block public access': () =>
      client.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: blockAll(true) })),
    'default encryption': () =>
      client.send(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: ENCRYPTION })),
    CORS: () => client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: prescribed() })),
    lifecycle: () =>
      client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: LIFECYCLE })),
  }
  for (const [name, put] of Object.entries(settings)) {
    const isWanted = name === 'default encryption' ? !own().includes(name) : true
    if (isWanted && !without.includes(name)) await put()
  }
  return Bucket
}

function prescribed() {
  const { CORSRules } = prescribeCors([ORIGIN])
  return { CORSRules: CORSRules.map((rule) => ({ ...rule })) }
}

const deny = (bucket: string, action: string) =>
  client.send(
    new PutBucketPolicyCommand({
      Bucket: bucket,
      Policy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Deny',
            Principal: '*',
            Action: [action],
            Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
          },
        ],
      }),
    }),
  )

const own = () => OWN[server] ?? []
/** Without the probe's. */
const ownSettings = (without: readonly string[] = []) =>
  own().filter((check) => !check.startsWith('probe: ') && !without.includes(check))
const checksOf = (findings: readonly Finding[]) => findings.map(({ check }) => check)

it('the doctor finds nothing in a good bucket but what the server lacks, and leaves nothing there', async () => {
  const bucket = await createGoodBucket()
  const { found } = await examineBucket(bucket, { probe: true })
  expect(checksOf(found).sort()).toEqual(own())
  const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }))
  expect([...Versions, ...DeleteMarkers]).toEqual([])
})

describe.each([
  ['block public access', 'warning', 'put-public-access-block'],
  ['CORS', 'warning', 'put-bucket-cors'],
  ['lifecycle', 'note', 'put-bucket-lifecycle-configuration'],
])('%s, left out', (check, severity, command) => {
  it('is found once, and the server accepts the doctor’s fix, which works', async () => {
    const bucket = await createGoodBucket({ without: [check] })
    const { found } = await examineBucket(bucket)
    expect(checksOf(found).sort()).toEqual([check, ...ownSettings([check])].sort())
    const finding = found.find((each) => each.check === check)
    expect(finding).toMatchObject({
      severity,
      fix: { command: expect.stringContaining(`${command} --bucket ${bucket}`) },
    })
    await mend(bucket, finding)
    expect(checksOf((await examineBucket(bucket)).found).sort()).toEqual(ownSettings())
  })
})

it('the doctor prescribes default encryption, to a server that has keys only', async () => {
  const bucket = await createGoodBucket({ without: ['default encryption'] })
  const { found } = await examineBucket(bucket)
  const finding = found.find(({ check }) => check === 'default encryption')
  const hasKeys = !own().includes('default encryption')
  expect(finding).toMatchObject(
    hasKeys
      ? { severity: 'warning', fix: { command: expect.stringContaining(`put-bucket-encryption --bucket ${bucket}`) } }
      : { severity: 'note', finding: expect.stringContaining('this server has no keys') },
  )
  if (hasKeys) {
    await mend(bucket, finding)
    expect(checksOf((await examineBucket(bucket)).found)).toEqual(ownSettings())
  }
})

/** Does what the fix says, by the SDK in place of the command line. */
async function mend(Bucket: string, finding: Finding | undefined): Promise<void> {
  const { cors, lifecycle, command = '' } = finding?.fix ?? {}
  if (cors !== undefined) await client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: cors }))
  else if (lifecycle !== undefined)
    await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: lifecycle }))
  else if (command.includes('put-public-access-block')) {
    // As the advice says of version 16.
    const flags = [...command.matchAll(/(\w+)=true/g)]
      .map(([, name]) => [name, true])
      .filter(([name]) => server !== 'ceph16' || name !== 'BlockPublicAcls')
    await client.send(
      new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: Object.fromEntries(flags) }),
    )
    if (command.includes('put-bucket-acl')) await client.send(new PutBucketAclCommand({ Bucket, ACL: 'private' }))
  } else {
    const [, json = ''] = /'(.*)'/.exec(command) ?? []
    await client.send(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: JSON.parse(json) }))
  }
}

it('the doctor names one setting of the public access block that is off', async () => {
  const bucket = await createGoodBucket()
  const PublicAccessBlockConfiguration = { ...blockAll(true), RestrictPublicBuckets: false }
  await client.send(new PutPublicAccessBlockCommand({ Bucket: bucket, PublicAccessBlockConfiguration }))
  const { found } = await examineBucket(bucket)
  expect(found.filter(({ check }) => check === 'block public access')).toMatchObject([
    {
      severity: 'warning',
      finding: server === 'ceph16' ? 'Off: BlockPublicAcls, RestrictPublicBuckets' : 'Off: RestrictPublicBuckets',
    },
  ])
})

it('the doctor finds a bucket that everyone reads', async () => {
  const bucket = await createGoodBucket({ without: ['block public access'] })
  const Statement = [
    { Effect: 'Allow', Principal: '*', Action: ['s3:GetObject'], Resource: [`arn:aws:s3:::${bucket}/*`] },
  ]
  await client.send(
    new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement }) }),
  )
  const { found, exitCode } = await examineBucket(bucket)
  expect(found.filter(({ check }) => check === 'public access')).toMatchObject([
    {
      severity: 'error',
      finding: expect.stringMatching(
        server === 'moto'
          ? /^The bucket was listed, and an object read, without a signature .* is public$/
          : /^An object was read without a signature: the bucket policy, or its access control list, is public$/,
      ),
      fix: { command: expect.stringContaining('put-public-access-block') },
    },
  ])
  expect(exitCode).toBe(2)
})

// moto's objects have the access control list of their bucket: it reads them for everyone, too.
it('the doctor finds a bucket that everyone lists, and its command fixes it', async () => {
  const bucket = await createGoodBucket({ without: ['block public access'] })
  await client.send(new PutBucketAclCommand({ Bucket: bucket, ACL: 'public-read' }))
  const { found, exitCode } = await examineBucket(bucket)
  const finding = found.find(({ check }) => check === 'public access')
  expect(finding).toMatchObject({
    severity: 'error',
    finding: expect.stringMatching(
      server === 'moto'
        ? /^The bucket was listed, and an object read, without a signature .*: look at access control lists and the policy$/
        : /^The bucket was listed without a signature .*: the bucket policy, or its access control list, is public$/,
    ),
    fix: {
      advice: expect.stringContaining('with Ceph 16 leave BlockPublicAcls out'),
      command: expect.stringMatching(/put-public-access-block .*\n.* put-bucket-acl .* --acl private/),
    },
  })
  expect(exitCode).toBe(2)
  await mend(bucket, finding)
  expect(checksOf((await examineBucket(bucket)).found).sort()).toEqual(ownSettings())
})

it('the doctor warns of versions that nothing removes, and its rule fixes it', async () => {
  const bucket = await createGoodBucket()
  await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }))
  const { found } = await examineBucket(bucket)
  const finding = found.find(({ check }) => check === 'lifecycle')
  expect(finding).toMatchObject({ severity: 'warning', finding: 'No rule removes older versions' })
  expect(checksOf(found)).toContain('versioning')
  await mend(bucket, finding)
  expect(checksOf((await examineBucket(bucket)).found)).not.toContain('lifecycle')
})

it.each([
  ['s3:PutObject', 'write', ['write', 'CORS']],
  ['s3:GetObject', 'read', ['read', 'CORS']],
])('the doctor gives a denied %s one clear line, with the statement that allows it', async (action, check, checks) => {
  const bucket = await createGoodBucket()
  await deny(bucket, action)
  const { found, exitCode } = await examineBucket(bucket)
  expect(found.filter(({ check: each, severity }) => severity === 'error' && !own().includes(each))).toEqual([
    {
      check,
      severity: 'error',
      finding: expect.stringMatching(new RegExp(`^${action} is denied below ${PREFIX} `)),
      fix: {
        advice: expect.stringContaining('look for a Deny in the bucket policy'),
        statements: [{ Effect: 'Allow', Action: [action], Resource: `arn:aws:s3:::${bucket}/${PREFIX}*` }],
      },
    },
  ])
  expect(checksOf(found).filter((each) => !own().includes(each))).toEqual(checks)
  expect(exitCode).toBe(2)
})

it('the doctor says which object stays when deleting is denied, and does not probe', async () => {
  const bucket = await createGoodBucket()
  await deny(bucket, 's3:DeleteObject')
  const { found } = await examineBucket(bucket, { probe: true })
  expect(checksOf(found).filter((each) => !own().includes(each))).toEqual(['delete', 'probe'])
  expect(found.find(({ check }) => check === 'delete')).toMatchObject({
    severity: 'note',
    fix: { statements: [{ Action: ['s3:DeleteObject'], Resource: `arn:aws:s3:::${bucket}/${PREFIX}doctor/*` }] },
  })
  const { Versions = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }))
  expect(Versions.map(({ Key }) => Key)).toEqual([
    found.find(({ check }) => check === 'delete')?.finding.replace(/^.*: /, ''),
  ])
})

it('the doctor gives a missing bucket one clear line', async () => {
  const bucket = `never-created-${randomUUID()}`
  const { found, exitCode } = await examineBucket(bucket)
  expect(found).toMatchObject([
    {
      check: 'bucket',
      severity: 'error',
      finding: expect.stringContaining(`There is no bucket ${bucket}`),
      fix: { command: expect.stringContaining(`aws s3api create-bucket --bucket ${bucket} --region ${region}`) },
    },
  ])
  expect(exitCode).toBe(2)
})

// moto is the only one here that tells regions; the others take any, and say nothing of it.
it('the doctor names the region of a bucket that is elsewhere, where the server says so', async () => {
  const bucket = `elsewhere-${randomUUID()}`
  const CreateBucketConfiguration = { LocationConstraint: 'eu-west-1' } as const
  const tells = server === 'moto'
  await client.send(new CreateBucketCommand({ Bucket: bucket, ...(tells ? { CreateBucketConfiguration } : {}) }))
  const { findings } = await examineBucket(bucket)
  expect(findings.filter(({ check }) => check === 'region')).toEqual(
    tells
      ? [
          {
            check: 'region',
            severity: 'warning',
            finding: `${bucket} is in eu-west-1, and the settings say ${region}`,
            fix: { advice: 'Set the region of the bucket', command: 'export AWS_REGION=eu-west-1' },
          },
        ]
      : [],
  )
})

// moto accepts any credentials.
it('the doctor gives wrong credentials one clear line, where the server checks them', async () => {
  const bucket = await createGoodBucket()
  const credentials = { accessKeyId: 'NOBODYSKEY0000000001', secretAccessKey: 'canary' }
  const { findings } = await examine({ bucket, endpoint, region, probe: false }, { credentials })
  const errors = findings.filter(({ check, severity }) => severity === 'error' && !own().includes(check))
  if (server === 'moto') expect(errors).toEqual([])
  else
    expect(errors).toMatchObject([
      { check: 'bucket', finding: 'The store does not accept the credentials (InvalidAccessKeyId)' },
    ])
})
