import { expect, it } from 'vitest'
import { checkExposure } from '../../src/cli/doctor-exposure.js'

const connection = { bucket: 'b', region: 'eu-central-1', isAws: true, command: (name: string) => name }
const open = { kind: 'answer', value: { PolicyStatus: { IsPublic: true } } } as const
const none = { kind: 'absent', reason: 'NoSuchBucketPolicy', status: 404 } as const
const denied = { kind: 'denied', reason: 'AccessDenied', status: 403 } as const

it.each([
  [open, true, 'error', 'An object was read without a signature: the bucket policy is public'],
  [open, false, 'error', 'The bucket is open to everyone: the bucket policy is public'],
  [none, true, 'error', 'An object was read without a signature: look at access control lists and the policy'],
  [denied, false, 'ok', 'Without a signature, reading is refused'],
  [none, undefined, 'ok', 'The bucket policy is not public; reading without a signature was not tried'],
  [denied, undefined, 'note', 'Not checked: s3:GetBucketPolicyStatus is denied'],
] as const)(
  'checkExposure says what both signs together mean: case %#',
  (policyStatus, anyoneReads, severity, finding) => {
    expect(checkExposure(connection, { policyStatus, anyoneReads })).toMatchObject({
      check: 'public access',
      severity,
      finding,
    })
  },
)

it('checkExposure counts an answer that says nothing as not public', () => {
  const empty = { kind: 'answer', value: {} } as const
  expect(checkExposure(connection, { policyStatus: empty, anyoneReads: undefined }).severity).toBe('ok')
})

it('checkExposure warns that its command would deny every write on Ceph 16', () => {
  const found = { policyStatus: none, anyoneReads: true }
  expect(checkExposure(connection, found).fix?.advice).not.toContain('Ceph')
  expect(checkExposure({ ...connection, isAws: false }, found).fix?.advice).toContain(
    'Ceph 16 leave BlockPublicAcls out',
  )
})
