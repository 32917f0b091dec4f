import { expect, it } from 'vitest'
import { judgeProbe } from '../../../src/cli/doctor/probe.js'
import { createS3Storage, type ProbeCheck, probeS3 } from '../../../src/storage/s3.js'
import { createLyingStore, type Lie } from '../../storage/lying-store.js'
import { CREDENTIALS } from './run.js'

const resource = { bucket: 'b', region: 'eu-central-1', prefix: 'p/' }
const one = (check: ProbeCheck) => judgeProbe({ checks: [check] }, resource)[0]

it.each<[ProbeCheck['name'], ProbeCheck['verdict'], string | undefined, string]>([
  ['write', 'works', undefined, 'ok'],
  ['tags', 'skipped', undefined, 'note'],
  ['write', 'refused', undefined, 'error'],
  ['read', 'failed', undefined, 'error'],
  ['read', 'failed', 'archived means proven', 'error'],
  ['response-overrides', 'refused', undefined, 'error'],
  ['checksum', 'ignored', 'archived means proven', 'warning'],
  ['conditional-create', 'ignored', 'exactly one object', 'warning'],
  ['conditional-create', 'refused', 'exactly one object', 'warning'],
  ['conditional-create', 'failed', 'exactly one object', 'error'],
  ['framing', 'ignored', undefined, 'note'],
  ['framing', 'failed', 'archived means proven', 'error'],
  ['tags', 'refused', undefined, 'note'],
  ['metadata', 'ignored', undefined, 'warning'],
  ['delete', 'refused', undefined, 'warning'],
])('judgeProbe weighs %s that is %s (%s) as %s', (name, verdict, promise, severity) => {
  const check: ProbeCheck = { name, verdict, detail: 'Detail.', ...(promise === undefined ? {} : { promise }) }
  const finding = one(check)
  expect(finding).toMatchObject({ check: `probe: ${name}`, severity })
  expect(finding?.finding).toBe(promise === undefined ? 'Detail.' : `Detail. Only best effort here: ${promise}.`)
  expect(finding?.fix !== undefined).toBe(verdict !== 'works' && verdict !== 'skipped')
})

it('judgeProbe gives the option, or the statement, that fixes it', () => {
  const fix = (name: ProbeCheck['name'], verdict: ProbeCheck['verdict']) => one({ name, verdict, detail: '' })?.fix
  expect(fix('conditional-create', 'ignored')).toEqual({
    advice: 'Look before each put',
    option: 'createS3Storage({ bucket, conditionalWrites: false })',
  })
  expect(fix('delete', 'refused')?.statements).toEqual([
    { Effect: 'Allow', Action: ['s3:DeleteObject'], Resource: 'arn:aws:s3:::b/p/*' },
  ])
  expect(fix('delete', 'failed')?.advice).toContain('by hand')
  expect(fix('delete', 'ignored')?.advice).toContain('another store')
  expect(fix('tags', 'refused')?.statements?.[0]?.Action).toEqual(['s3:PutObjectTagging', 's3:GetObjectTagging'])
  expect(fix('checksum', 'ignored')?.advice).toContain('another store')
})

it.each<[Lie, string, string]>([
  ['ignores the condition', 'probe: conditional-create', 'warning'],
  ['ignores checksums', 'probe: checksum', 'warning'],
  ['changes bytes', 'probe: read', 'error'],
  ['forgets tags', 'probe: tags', 'note'],
])('judgeProbe reports a real probe of a store that %s', async (lie, check, severity) => {
  const store = await createLyingStore(lie)
  const options = { bucket: 'b', region: 'us-east-1', endpoint: store.endpoint, credentials: CREDENTIALS }
  expect(createS3Storage(options).name).toBe('s3')
  const findings = judgeProbe(await probeS3(options, { prefix: 'p/' }), resource)
  await store.close()
  expect(findings.find((finding) => finding.check === check)).toMatchObject({ severity })
})
