import { expect, it } from 'vitest'
import { prescribeCors } from '../../src/cli/doctor/cors.js'
import { isObject } from '../../src/json.js'
import { buildMediaKey } from '../../src/key.js'
import { readTemplate, resolveTemplate, templateText, variablesOf, visitFunctions } from './infra-template.js'

const template = readTemplate()
const KEY = 'arn:aws:kms:eu-central-1:111122223333:key/0a0a0a0a-0000-0000-0000-000000000000'
/** Pseudo parameters (AWS: Pseudo parameters reference). */
const PSEUDO = /^AWS::(?:AccountId|NoValue|Partition|Region|StackName|URLSuffix)$/

interface Statement {
  Effect: string
  Action: string | string[]
  Resource: unknown
  Principal?: unknown
  Condition?: unknown
}

/** Every policy statement in a part of the template. */
function statementsIn(value: unknown): Statement[] {
  if (Array.isArray(value)) return value.flatMap(statementsIn)
  if (!isObject(value)) return []
  const inner = Object.values(value).flatMap(statementsIn)
  const { Effect, Action, Resource, ...rest } = value
  if (typeof Effect !== 'string') return inner
  return [{ Effect, Action: [Action].flat().map(String), Resource, ...rest }, ...inner]
}

it('the template refers only to what it has, and uses all that it has', () => {
  const known = new Set([...Object.keys(template.Parameters), ...Object.keys(template.Resources)])
  const used = new Set<string>()
  const conditions = new Set<string>()
  const refer = (name: string): void => {
    expect(known.has(name) || PSEUDO.test(name), `${name} is no parameter, resource or pseudo parameter`).toBe(true)
    used.add(name)
  }
  const { Conditions, Resources, Outputs } = template
  visitFunctions({ Conditions, Resources, Outputs }, (name, argument) => {
    if (name === 'Ref') refer(String(argument))
    else if (name === 'Fn::Sub') for (const variable of variablesOf(argument)) refer(variable.replace(/\..*$/, ''))
    else if (name === 'Fn::GetAtt' && Array.isArray(argument)) refer(String(argument[0]))
    else if (name === 'Fn::If' && Array.isArray(argument)) conditions.add(String(argument[0]))
  })
  for (const { Type, ...resource } of Object.values(template.Resources)) {
    expect(Type).toMatch(/^AWS::\w+::\w+$/)
    if ('Condition' in resource) conditions.add(String(resource.Condition))
  }
  expect([...conditions].sort()).toEqual(Object.keys(template.Conditions).sort())
  expect(Object.keys(template.Parameters).filter((name) => !used.has(name))).toEqual([])
})

it('the template describes every parameter, and its defaults fit their patterns', () => {
  for (const [name, { Description, Default, AllowedPattern = '.*' }] of Object.entries(template.Parameters)) {
    expect(Description, name).toMatch(/\w/)
    expect(String(Default), name).toMatch(new RegExp(`^(?:${AllowedPattern})$`))
  }
})

it('the template takes the origins that the doctor takes, and no wildcard that is everybody', () => {
  const pattern = new RegExp(`^(?:${template.Parameters['CorsOrigins']?.AllowedPattern})$`)
  for (const origin of ['https://app.example.com', 'https://*.example.com', 'http://localhost:3000']) {
    expect(origin).toMatch(pattern)
    expect(() => prescribeCors([origin])).not.toThrow()
  }
  for (const origin of ['*', 'https://*', 'https://*.com', 'https://*example.com', 'https://app.example.com/']) {
    expect(origin).not.toMatch(pattern)
    expect(() => prescribeCors([origin])).toThrow('origins')
  }
})

it.each([{}, { KmsKeyArn: KEY }])('the roles may do no more than they must: %j', (parameters) => {
  const { Resources } = resolveTemplate(template, {
    parameters,
    resources: { 'MediaBucket.Arn': 'arn:aws:s3:::media' },
  })
  const objects = 'arn:aws:s3:::media/whatsapp-media/*'
  const key = 'KmsKeyArn' in parameters
  const policiesOf = (role: string) => statementsIn(Resources[role]?.Properties['Policies'])
  expect(policiesOf('ArchiveRole')).toEqual([
    { Effect: 'Allow', Action: ['s3:PutObject', 's3:GetObject'], Resource: objects },
    ...(key ? [{ Effect: 'Allow', Action: ['kms:GenerateDataKey', 'kms:Decrypt'], Resource: KEY }] : []),
  ])
  expect(policiesOf('ReaderRole')).toEqual([
    { Effect: 'Allow', Action: ['s3:GetObject'], Resource: objects },
    ...(key ? [{ Effect: 'Allow', Action: ['kms:Decrypt'], Resource: KEY }] : []),
  ])
})

it('no statement of the template allows a wildcard of actions, or of resources beyond one prefix', () => {
  const { Resources } = resolveTemplate(template)
  for (const { Effect, Action, Resource, Principal } of statementsIn(Resources)) {
    if (Effect !== 'Allow') continue
    expect(Principal).not.toBe('*')
    for (const action of [Action].flat()) expect(action).toMatch(/^[a-z0-9-]+:[A-Za-z]+$/)
    for (const resource of [Resource].flat().filter((each) => each !== undefined)) {
      expect(String(resource)).toMatch(/^[^*]+(?:\/whatsapp-media\/\*)?$/)
    }
  }
})

it('the key prefix of the roles is the one of the library', () => {
  const key = buildMediaKey({
    accountId: 'a',
    mediaType: 'image',
    mimeType: 'image/jpeg',
    mediaId: '1',
    timestamp: '2026-11-22T12:00:00Z',
  })
  expect(key.startsWith(String(template.Parameters['KeyPrefix']?.Default))).toBe(true)
})

it('the bucket is private, encrypted, without access control lists, and outlives its stack', () => {
  const { MediaBucket } = resolveTemplate(template).Resources
  expect(MediaBucket).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' })
  expect(MediaBucket?.Properties).toEqual({
    PublicAccessBlockConfiguration: {
      BlockPublicAcls: true,
      IgnorePublicAcls: true,
      BlockPublicPolicy: true,
      RestrictPublicBuckets: true,
    },
    OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
    BucketEncryption: {
      ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
    },
    LifecycleConfiguration: {
      Rules: [
        { Id: 'abort-multipart', Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } },
        {
          Id: 'intelligent-tiering',
          Status: 'Enabled',
          Prefix: 'whatsapp-media/',
          Transitions: [{ StorageClass: 'INTELLIGENT_TIERING', TransitionInDays: 0 }],
        },
      ],
    },
  })
})

it('the bucket refuses plain http to everyone, and its policy says nothing else', () => {
  const { Resources } = resolveTemplate(template, { resources: { 'MediaBucket.Arn': 'arn:aws:s3:::media' } })
  expect(statementsIn(Resources['MediaBucketPolicy'])).toEqual([
    {
      Sid: 'OnlyOverTls',
      Effect: 'Deny',
      Principal: '*',
      Action: ['s3:*'],
      Resource: ['arn:aws:s3:::media', 'arn:aws:s3:::media/*'],
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    },
  ])
})

it('the parameters choose name, expiry, CORS and key', () => {
  const origins = ['https://app.example.com', 'https://desk.example.com']
  const { MediaBucket } = resolveTemplate(template, {
    parameters: { BucketName: 'media', ExpireAfterDays: '90', CorsOrigins: origins, KmsKeyArn: KEY, KeyPrefix: 'm/' },
  }).Resources
  const [rule] = prescribeCors(origins).CORSRules
  expect(MediaBucket?.Properties).toMatchObject({
    BucketName: 'media',
    BucketEncryption: {
      ServerSideEncryptionConfiguration: [
        { ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: KEY }, BucketKeyEnabled: true },
      ],
    },
    LifecycleConfiguration: {
      Rules: [{}, { Prefix: 'm/' }, { Id: 'expire', Status: 'Enabled', Prefix: 'm/', ExpirationInDays: '90' }],
    },
    // As the doctor prescribes, in CloudFormation's terms.
    CorsConfiguration: {
      CorsRules: [
        {
          AllowedOrigins: origins,
          AllowedMethods: rule?.AllowedMethods,
          AllowedHeaders: rule?.AllowedHeaders,
          ExposedHeaders: rule?.ExposeHeaders,
          MaxAge: rule?.MaxAgeSeconds,
        },
      ],
    },
  })
})

it('the template is plain CloudFormation, without a transform', () => {
  expect(templateText).not.toMatch(/^Transform:/m)
})
