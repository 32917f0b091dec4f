import { expect, it } from 'vitest'
import { judgeExposure } from '../../../src/cli/doctor/exposure.js'

const connection = { bucket: 'b', region: 'eu-central-1', isAws: true, command: (name: string) => name }
const open = { kind: 'answer', value: { PolicyStatus: { IsPublic: true } } } as const
const none = { kind: 'absent', reason: 'NoSuchBucketPolicy', status: 404 } as const
const denied = { kind: 'denied', reason: 'AccessDenied', status: 403 } as const

const KEYS = 'keys show tenants, dates and types'
const ASK = 'look at access control lists and the policy'

it.each([
  [open, true, false, 'error', 'An object was read without a signature: the bucket policy is public'],
  [open, false, false, 'error', 'The bucket is open to everyone: the bucket policy is public'],
  [none, true, undefined, 'error', `An object was read without a signature: ${ASK}`],
  [denied, true, true, 'error', `The bucket was listed, and an object read, without a signature (${KEYS}): ${ASK}`],
  [denied, false, true, 'error', `The bucket was listed without a signature (${KEYS}): ${ASK}`],
  [none, undefined, true, 'error', `The bucket was listed without a signature (${KEYS}): ${ASK}`],
  [open, false, true, 'error', `The bucket was listed without a signature (${KEYS}): the bucket policy is public`],
  [denied, false, false, 'ok', 'Without a signature, reading and listing are refused'],
  [denied, false, undefined, 'note', 'Without a signature, reading is refused; listing could not be checked'],
  [none, undefined, undefined, 'ok', 'The bucket policy is not public; reading without a signature was not tried'],
  [
    none,
    undefined,
    false,
    'ok',
    'The bucket policy is not public; listing without a signature is refused, reading without a signature was not tried',
  ],
  [denied, undefined, false, 'note', 'Not checked: s3:GetBucketPolicyStatus is denied'],
  [denied, undefined, undefined, 'note', 'Not checked: s3:GetBucketPolicyStatus is denied'],
] as const)(
  'judgeExposure says what all signs together mean: case %#',
  (policyStatus, anyoneReads, anyoneLists, severity, finding) => {
    const asked = {
      ...(anyoneReads === undefined ? {} : { anyoneReads }),
      ...(anyoneLists === undefined ? {} : { anyoneLists }),
    }
    expect(judgeExposure(connection, { policyStatus, ...asked })).toMatchObject({
      check: 'public access',
      severity,
      finding,
    })
  },
)

it('judgeExposure counts an answer that says nothing as not public', () => {
  const empty = { kind: 'answer', value: {} } as const
  expect(judgeExposure(connection, { policyStatus: empty }).severity).toBe('ok')
})

it('judgeExposure warns that its command would deny every write on Ceph 16', () => {
  const found = { policyStatus: none, anyoneLists: true }
  expect(judgeExposure(connection, found).fix?.advice).not.toContain('Ceph')
  expect(judgeExposure({ ...connection, isAws: false }, found).fix?.advice).toContain(
    'Ceph 16 leave BlockPublicAcls out',
  )
})

it('judgeExposure does not blame the policy alone where its status covers access control lists, too', () => {
  const found = { policyStatus: open, anyoneReads: false, anyoneLists: true }
  expect(judgeExposure({ ...connection, isAws: false }, found).finding).toMatch(
    /: the bucket policy, or its access control list, is public$/,
  )
})

it.each([
  [none, true, true, 'put-public-access-block\nput-bucket-acl'],
  [open, true, false, 'put-public-access-block\nput-bucket-acl'],
  [open, false, false, 'put-public-access-block\nput-bucket-acl'],
  [open, true, true, 'put-public-access-block'],
  [none, false, true, 'put-public-access-block'],
] as const)(
  'judgeExposure takes grants away where a grant may be what lists: case %#',
  (policyStatus, anyoneLists, isAws, command) => {
    const { fix } = judgeExposure({ ...connection, isAws }, { policyStatus, anyoneReads: true, anyoneLists })
    expect(fix?.command).toBe(command)
    expect(fix?.advice).toContain('take the statement for everyone (Principal "*") out of the bucket policy')
  },
)
