import { expect, it } from 'vitest'
import { readDoctorSettings } from '../../../src/cli/doctor/options.js'

const NOTHING = { origins: [], json: false, probe: true }

it('readDoctorSettings takes the environment, and what stands on the command line instead', () => {
  const env = {
    S3_BUCKET_NAME: 'a',
    AWS_REGION: 'eu-central-1',
    WHATSAPP_ACCESS_TOKEN: 't',
    WHATSAPP_MEDIA_PREFIX: 'p/',
  }
  expect(readDoctorSettings({}, env)).toEqual({
    ...NOTHING,
    bucket: 'a',
    region: 'eu-central-1',
    accessToken: 't',
    prefix: 'p/',
  })
  expect(readDoctorSettings({ bucket: 'b', prefix: '' }, env)).toMatchObject({ bucket: 'b', prefix: '' })
})

it('readDoctorSettings reads every option, and keeps long ids and names of digits as they are', () => {
  const flags = {
    bucket: '0123',
    region: 'us-east-1',
    endpoint: 'http://127.0.0.1:1',
    publicEndpoint: 'https://s3.example',
    origin: ['https://a.example', 'https://b.example:8443/'],
    phoneNumberId: '98765432109876543',
    json: true,
    noProbe: true,
    graphUrl: 'http://127.0.0.1:2',
    prefix: 'p/',
  }
  expect(readDoctorSettings(flags, {})).toEqual({
    bucket: '0123',
    region: 'us-east-1',
    endpoint: 'http://127.0.0.1:1',
    publicEndpoint: 'https://s3.example',
    origins: ['https://a.example', 'https://b.example:8443'],
    phoneNumberId: '98765432109876543',
    graphUrl: 'http://127.0.0.1:2',
    prefix: 'p/',
    json: true,
    probe: false,
  })
})

it.each([
  ['--endpoint', { endpoint: 's3.example' }, '.example'],
  ['--public-endpoint', { publicEndpoint: 'ftp://canary@s3.example' }, 'canary@s3.example'],
  ['--phone-number-id', { phoneNumberId: '+15550001111' }, '50001111'],
])('readDoctorSettings refuses a bad %s without repeating it', (option, flags, secret) => {
  expect(() => readDoctorSettings(flags, {})).toThrow(expect.objectContaining({ option }))
  expect(() => readDoctorSettings(flags, {})).not.toThrow(new RegExp(secret))
})

it('readDoctorSettings refuses what is no origin', () => {
  expect(() => readDoctorSettings({ origin: 'https://a.example/page' }, {})).toThrow(/origins must be like/)
})
