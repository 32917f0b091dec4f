import * as sdk from '@aws-sdk/client-s3'
import { expect, it } from 'vitest'
import { reachBucket } from '../../../src/cli/doctor/reach.js'

it.each([
  ['us-east-1', 'create-bucket --region us-east-1'],
  ['eu-central-1', 'create-bucket --region eu-central-1 --create-bucket-configuration LocationConstraint=eu-central-1'],
])('reachBucket makes a missing bucket at AWS where it was asked for: %s', async (region, command) => {
  const { findings, isUsable } = await reachBucket({
    sdk,
    bucket: 'media',
    region,
    place: `AWS, ${region}`,
    isAws: true,
    command: (name, rest) => `${name} ${rest}`,
    ask: async () => ({ kind: 'absent', reason: 'NoSuchBucket', status: 404 }),
    lastAnswer: () => undefined,
    close() {},
  })
  expect(findings).toMatchObject([{ check: 'bucket', severity: 'error', fix: { command } }])
  expect(isUsable).toBe(false)
})
