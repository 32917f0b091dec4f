import { expect, it } from 'vitest'
import { parseDoctorOptions } from '../../../src/cli/doctor/options.js'

const NOTHING = { origins: [], json: false, probe: true }

it('parseDoctorOptions takes the environment, and what stands on the command line instead', () => {
  const env = {
    S3_BUCKET_NAME: 'a',
    AWS_REGION: 'eu-central-1',
    WHATSAPP_ACCESS_TOKEN: 't',
    WHATSAPP_MEDIA_PREFIX: 'p/',
  }
  expect(parseDoctorOptions(['doctor'], env)).toEqual({
    ...NOTHING,
    bucket: 'a',
    region: 'eu-central-1',
    accessToken: 't',
    prefix: 'p/',
  })
  expect(parseDoctorOptions(['doctor', '--bucket', 'b', '--prefix='], env)).toMatchObject({ bucket: 'b', prefix: '' })
})

it('parseDoctorOptions reads every option, and keeps long ids and names of digits as they are', () => {
  const args = [
    'doctor --bucket 0123 --region us-east-1 --endpoint http://127.0.0.1:1 --public-endpoint https://s3.example',
    '--origin https://a.example --origin https://b.example:8443/ --phone-number-id 98765432109876543 --json --no-probe',
    '--graph-url http://127.0.0.1:2 --prefix p/',
  ]
  expect(parseDoctorOptions(args.join(' ').split(' '), {})).toEqual({
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
  ['--endpoint', 's3.example'],
  ['--public-endpoint', 'ftp://canary@s3.example'],
  ['--phone-number-id', '+15550001111'],
])('parseDoctorOptions refuses %s %s without repeating it', (option, value) => {
  expect(() => parseDoctorOptions([option, value], {})).toThrow(expect.objectContaining({ option }))
  expect(() => parseDoctorOptions([option, value], {})).not.toThrow(new RegExp(value.slice(4)))
})

it('parseDoctorOptions refuses what is no origin, and what is no option', () => {
  expect(() => parseDoctorOptions(['--origin', 'https://a.example/page'], {})).toThrow(/origins must be like/)
  expect(() => parseDoctorOptions(['--everything'], {})).toThrow(/Unknown option/)
})
