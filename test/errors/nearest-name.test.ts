import { expect, it } from 'vitest'
import { findNearestName, findOtherWord } from '../../src/errors/nearest-name.js'

const NAMES = ['region', 'bucket', 'endpoint', 'accessToken', 'attempts', 'timeouts', 'onEvent', 'key']

it.each([
  ['regoin', 'region'],
  ['regio', 'region'],
  ['regionn', 'region'],
  ['rigion', 'region'],
  ['Region', 'region'],
  ['REGION', 'region'],
  ['endpiont', 'endpoint'],
  ['end_point', 'endpoint'],
  ['acessToken', 'accessToken'],
  ['access_token', 'accessToken'],
  ['accesTokne', 'accessToken'],
  ['attemps', 'attempts'],
  ['timeout', 'timeouts'],
  ['onEvents', 'onEvent'],
  ['keys', 'key'],
  ['bucketName', 'bucket'],
  ['s3Bucket', 'bucket'],
  ['token', 'accessToken'],
])('%s is a slip for %s', (given, meant) => {
  expect(findNearestName(given, NAMES)).toBe(meant)
})

it.each(['retries', 'foo', '', 'k', 'url', 'constructor', '__proto__', 'r'.repeat(41)])('%s is none', (given) => {
  expect(findNearestName(given, NAMES)).toBeUndefined()
})

it('takes the nearest of several, and a part only where parts count', () => {
  expect(findNearestName('timeout', ['timeoutMs', 'timeouts'])).toBe('timeouts')
  expect(findNearestName('bucketName', NAMES, { slipsOnly: true })).toBeUndefined()
  expect(findNearestName('bukcet', NAMES, { slipsOnly: true })).toBe('bucket')
})

it.each(['dir', 'path', 'folder', 'root', 'rootDir', 'Path'])('%s is another word for directory', (given) => {
  expect(findNearestName(given, ['directory', 'baseUrl'])).toBe('directory')
  expect(findNearestName(given, ['baseUrl'])).toBeUndefined()
  expect(findNearestName(given, ['directory'], { slipsOnly: true })).toBeUndefined()
})

it.each([
  ['id', 'accountId'],
  ['tenantId', 'accountId'],
  ['token', 'accessToken'],
  ['secret', 'appSecret'],
])('%s is another word for %s', (given, meant) => {
  expect(findOtherWord(given, ['accountId', 'accessToken', 'appSecret'])).toBe(meant)
  expect(findNearestName(given, ['accountId', 'accessToken', 'appSecret'])).toBe(meant)
  expect(findOtherWord(given, ['region'])).toBeUndefined()
})
