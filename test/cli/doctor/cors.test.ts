import type { OutgoingHttpHeaders } from 'node:http'
import { expect, it } from 'vitest'
import { prescribeCors } from '../../../src/cli/doctor/cors.js'
import { type Question, type Scripted, xml } from '../bucket-stand-in.js'
import { denied, examineBucket } from './examine-bucket.js'

it('prescribeCors lets the origins read, and nothing else', () => {
  expect(prescribeCors(['https://*.example.org', 'http://localhost:3000'])).toStrictEqual({
    CORSRules: [
      {
        AllowedOrigins: ['https://*.example.org', 'http://localhost:3000'],
        AllowedMethods: ['GET', 'HEAD'],
        AllowedHeaders: ['Range', 'If-Range', 'If-None-Match', 'If-Modified-Since'],
        ExposeHeaders: ['ETag', 'Content-Length', 'Content-Range', 'Content-Disposition'],
        MaxAgeSeconds: 3_600,
      },
    ],
  })
})

it.each([
  [[]],
  [['*']],
  [['app.example.org']],
  [['https://app.example.org/']],
  [['https://App.example.org']],
  [['https://app.example.org:443']],
  [['https://app.example.org', 'https://app.example.org/path']],
  [['null']],
  [['https://*']],
  [['https://*:8443']],
  [['https://*.com']],
  [['https://*example.org']],
  [['https://*.*.org']],
])('prescribeCors refuses %j', (origins) => {
  expect(() => prescribeCors(origins)).toThrow(expect.objectContaining({ code: 'invalid-option', option: 'origins' }))
})

const ORIGIN = 'https://app.example.com'
const BODY = 'Written by the doctor, to be removed at once.'
const ALL_HEADERS = 'etag, content-length,Content-Range , content-disposition'
const corsAnswer = (headers: OutgoingHttpHeaders): Partial<Record<Question, Scripted>> => ({
  'signed GET': { status: 200, headers, body: BODY },
})

it.each([
  ['its origin', { 'access-control-allow-origin': ORIGIN, 'access-control-expose-headers': ALL_HEADERS }],
  ['any origin', { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' }],
])('runDoctor is content with a store that lets scripts of %s read', async (_name, headers) => {
  const { findings } = await examineBucket(corsAnswer(headers), { settings: { origins: [ORIGIN] } })
  expect(findings.find(({ check }) => check === 'CORS')).toEqual({
    check: 'CORS',
    severity: 'ok',
    finding: 'Scripts of https://app.example.com may read signed URLs',
  })
})

it.each([
  ['no origin', {}, /^Scripts of https:\/\/app\.example\.com may not read signed URLs/],
  [
    'another origin',
    { 'access-control-allow-origin': 'https://other.example' },
    /^Scripts of https:\/\/app\.example\.com may not/,
  ],
  [
    'its origin without any header',
    { 'access-control-allow-origin': ORIGIN },
    /^Scripts may read signed URLs, but not their headers ETag, Content-Length, Content-Range, Content-Disposition$/,
  ],
  [
    'its origin without some headers',
    { 'access-control-allow-origin': ORIGIN, 'access-control-expose-headers': 'ETag, Content-Range' },
    /^Scripts may read signed URLs, but not their headers Content-Length, Content-Disposition$/,
  ],
])('runDoctor prescribes CORS when the store allows %s', async (_name, headers, finding) => {
  const { worse: found, exitCode } = await examineBucket(corsAnswer(headers), { settings: { origins: [ORIGIN] } })
  expect(found).toEqual([
    {
      check: 'CORS',
      severity: 'warning',
      finding: expect.stringMatching(finding),
      fix: {
        advice: expect.stringContaining('rules that the bucket has already are in it'),
        cors: prescribeCors([ORIGIN]),
        command: expect.stringMatching(
          /^aws s3api put-bucket-cors --bucket archive --cors-configuration file:\/\/cors\.json --endpoint-url /,
        ),
      },
    },
  ])
  expect(exitCode).toBe(1)
})

it("runDoctor keeps the bucket's CORS rules, after its own", async () => {
  const rule =
    '<CORSRule><AllowedMethod>PUT</AllowedMethod><AllowedOrigin>https://upload.example</AllowedOrigin></CORSRule>'
  const { worse: found } = await examineBucket(
    { ...corsAnswer({}), cors: { status: 200, body: xml('CORSConfiguration', rule) } },
    { settings: { origins: [ORIGIN] } },
  )
  expect(found[0]?.fix?.cors).toEqual({
    CORSRules: [
      ...prescribeCors([ORIGIN]).CORSRules,
      { AllowedMethods: ['PUT'], AllowedOrigins: ['https://upload.example'] },
    ],
  })
})

it('runDoctor says that its CORS rules replace others when it may not see those', async () => {
  const { worse: found } = await examineBucket({ ...corsAnswer({}), cors: denied }, { settings: { origins: [ORIGIN] } })
  expect(found[0]?.fix?.advice).toContain('it replaces all rules of the bucket, which could not be read')
})

it('runDoctor prescribes CORS for a bucket that answers with a configuration without rules', async () => {
  const { worse: found } = await examineBucket(
    { ...corsAnswer({}), cors: { status: 200, body: xml('CORSConfiguration', '') } },
    { settings: { origins: [ORIGIN] } },
  )
  expect(found[0]?.fix?.cors).toEqual(prescribeCors([ORIGIN]))
})

it('runDoctor says that CORS was not checked when no signed URL could be read', async () => {
  const { worse: found } = await examineBucket({ 'signed GET': denied }, { settings: { origins: [ORIGIN] } })
  expect(found.find(({ check }) => check === 'CORS')).toMatchObject({ severity: 'note' })
})
