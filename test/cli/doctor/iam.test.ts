import { expect, it } from 'vitest'
import { allowOnBucket, allowOnKey, allowOnObjects } from '../../../src/cli/doctor/iam.js'

const resource = { bucket: 'media', region: 'eu-central-1', prefix: 'p/' }

it.each([
  ['eu-central-1', 'arn:aws:s3:::media'],
  ['cn-north-1', 'arn:aws-cn:s3:::media'],
  ['us-gov-west-1', 'arn:aws-us-gov:s3:::media'],
])('allowOnBucket and allowOnObjects name the partition of %s', (region, arn) => {
  expect(allowOnBucket({ ...resource, region }, 's3:ListBucket')).toEqual({
    Effect: 'Allow',
    Action: ['s3:ListBucket'],
    Resource: arn,
  })
  expect(allowOnObjects({ ...resource, region }, 's3:GetObject', 's3:PutObject')).toEqual({
    Effect: 'Allow',
    Action: ['s3:GetObject', 's3:PutObject'],
    Resource: `${arn}/p/*`,
  })
})

it('allowOnObjects names objects behind an access point in their own form', () => {
  const bucket = 'arn:aws:s3:eu-central-1:111122223333:accesspoint/media'
  expect(allowOnBucket({ ...resource, bucket }, 's3:ListBucket').Resource).toBe(bucket)
  expect(allowOnObjects({ ...resource, bucket }, 's3:GetObject').Resource).toBe(`${bucket}/object/p/*`)
})

it('allowOnKey names a key by its ARN, its id or its alias', () => {
  const arn = 'arn:aws:kms:eu-central-1:111122223333:key/0a'
  const reading = { ...resource, action: 's3:GetObject' } as const
  expect(allowOnKey(reading, arn)).toEqual({ Effect: 'Allow', Action: ['kms:Decrypt'], Resource: arn })
  expect(allowOnKey(reading, '0a').Resource).toBe('arn:aws:kms:eu-central-1:*:key/0a')
  for (const alias of ['alias/media', 'arn:aws:kms:eu-central-1:111122223333:alias/media']) {
    expect(allowOnKey({ ...resource, action: 's3:PutObject' }, alias)).toEqual({
      Effect: 'Allow',
      Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
      Resource: 'arn:aws:kms:eu-central-1:*:key/*',
      Condition: { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': 'alias/media' } },
    })
  }
})
