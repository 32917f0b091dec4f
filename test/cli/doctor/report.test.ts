import { expect, it } from 'vitest'
import { decideDoctorExitCode, type Finding } from '../../../src/cli/doctor/finding.js'
import { describeAsJson, describeAsText } from '../../../src/cli/doctor/report.js'

const OK: Finding = { check: 'read', severity: 'ok', finding: 'The same bytes came back' }
const NOTE: Finding = { check: 'versioning', severity: 'note', finding: 'On' }
const WARNING: Finding = {
  check: 'CORS',
  severity: 'warning',
  finding: 'Refused',
  fix: { advice: 'Set this', cors: { CORSRules: [] }, command: 'aws one\naws two' },
}
const ERROR: Finding = {
  check: 'write',
  severity: 'error',
  finding: 'Denied',
  fix: { advice: 'Allow it', statements: [{ Effect: 'Allow', Action: ['s3:PutObject'], Resource: 'arn' }] },
}
const PLAIN: Finding = { check: 'clock', severity: 'error', finding: 'Off', fix: { advice: 'Wait' } }
const LIFE: Finding = {
  check: 'lifecycle',
  severity: 'note',
  finding: 'None',
  fix: { advice: 'Set this', lifecycle: { Rules: [] } },
}
const PROBE: Finding = {
  check: 'probe',
  severity: 'note',
  finding: 'Ignored',
  fix: { advice: 'Do this', option: 'createS3Storage({ bucket })' },
}

it.each([
  [[], 0],
  [[OK, NOTE], 0],
  [[OK, WARNING, NOTE], 1],
  [[WARNING, ERROR, OK], 2],
])('decideDoctorExitCode goes by the worst finding: case %#', (findings, code) => {
  expect(decideDoctorExitCode(findings)).toBe(code)
})

it('describeAsText is a table, then the fixes, then the counts', () => {
  expect(
    describeAsText([OK, NOTE, WARNING, ERROR, PLAIN, LIFE, PROBE]),
  ).toBe(`ok       read        The same bytes came back
note     versioning  On
warning  CORS        Refused [1]
error    write       Denied [2]
error    clock       Off [3]
note     lifecycle   None [4]
note     probe       Ignored [5]

Fixes

[1] CORS: Set this:
    {
      "CORSRules": []
    }
    aws one
    aws two

[2] write: Allow it:
    {
      "Effect": "Allow",
      "Action": [
        "s3:PutObject"
      ],
      "Resource": "arn"
    }

[3] clock: Wait.

[4] lifecycle: Set this:
    {
      "Rules": []
    }

[5] probe: Do this:
    createS3Storage({ bucket })

2 errors, 1 warning, 3 notes.
`)
})

it('describeAsText says when all is well', () => {
  expect(describeAsText([OK])).toBe('ok       read  The same bytes came back\n\nAll is well.\n')
})

it('describeAsJson is the findings and the exit code', () => {
  expect(JSON.parse(describeAsJson([OK, ERROR, PROBE]))).toEqual({ exitCode: 2, findings: [OK, ERROR, PROBE] })
})
