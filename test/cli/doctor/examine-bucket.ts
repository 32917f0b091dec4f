import { expect, onTestFinished } from 'vitest'
import type { DoctorSettings } from '../../../src/cli/doctor/options.js'
import type { DoctorOptions } from '../../../src/cli/doctor.js'
import { createBucketStandIn, type Question, type Scripted } from '../bucket-stand-in.js'
import { CREDENTIALS, examine, worse } from './run.js'

export const BUCKET = 'archive'
export const SECRETS = /canary|X-Amz-|AKIDOFATEST/

/** Examines a bucket that is well set up but for the scripted answers. */
export async function examineBucket(
  scripted: Partial<Record<Question, Scripted>>,
  { settings = {}, ...options }: Partial<Omit<DoctorOptions, 'settings'>> & { settings?: Partial<DoctorSettings> } = {},
) {
  const store = await createBucketStandIn(scripted)
  onTestFinished(() => store.close())
  const examined = await examine(
    { bucket: BUCKET, region: 'eu-central-1', endpoint: store.endpoint, ...settings },
    { credentials: CREDENTIALS, ...options },
  )
  expect(examined.text).not.toMatch(SECRETS)
  // The note that there is no access token.
  const [token, ...findings] = examined.findings
  expect(token).toMatchObject({ check: 'access token', severity: 'note' })
  return { ...examined, store, findings, worse: worse(findings) }
}

export const denied: Scripted = { status: 403, code: 'AccessDenied' }
export const missing = (code: string): Scripted => ({ status: 404, code })
export const notThere: Scripted = { status: 501, code: 'NotImplemented' }

export const OBJECTS = 'arn:aws:s3:::archive/whatsapp-media/*'
export const allow = (action: string, resource = 'arn:aws:s3:::archive') => ({
  statements: [{ Effect: 'Allow', Action: [action], Resource: resource }],
})
