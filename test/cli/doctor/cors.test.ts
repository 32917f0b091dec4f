import { expect, it } from 'vitest'
import { prescribeCors } from '../../../src/cli/doctor/cors.js'

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
