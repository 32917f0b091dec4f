import { describe, expect, it } from 'vitest'
import { judgeFault } from '../../src/archive/judge-fault.js'
import {
  AccessTokenError,
  type AnyWhatsAppMediaError,
  DownloadFailedError,
  GraphApiError,
  HostRefusedError,
  InvalidOptionError,
  MediaGoneError,
  SizeLimitError,
  StorageFailedError,
  TimeoutError,
} from '../../src/errors.js'

const host = 'media.example'
const graph = (status: number, graphCode?: number, more: object = {}): GraphApiError =>
  new GraphApiError({ status, graphCode, retryable: false, ...more })
const store = (reason: string, status?: number, retryable = false): StorageFailedError =>
  new StorageFailedError({ operation: 'put', key: 'k', reason, status, retryable })
const download = (status?: number, retryable = false): DownloadFailedError =>
  new DownloadFailedError({ host, problem: 'x', status, retryable })

describe('judgeFault', () => {
  it.each<[AnyWhatsAppMediaError, string]>([
    [new AccessTokenError({ reason: 'missing' }), 'token'],
    [graph(401, 190), 'token'],
    ...[3, 10, 33, 200, 230, 299, 131_005, 133_010].map((code): [GraphApiError, string] => [
      graph(400, code),
      'number',
    ]),
    [graph(403), 'number'],
    [graph(403, 987_654), 'number'],
    ...[104, 368, 130_497, 131_031, 131_042].map((code): [GraphApiError, string] => [graph(400, code), 'account']),
    [graph(400, 100, { text: 'API calls from the server require an appsecret_proof argument' }), 'account'],
    [graph(402), 'account'],
    [graph(400, 101), 'app'],
    [graph(302), 'app'],
    [graph(407), 'app'],
    [graph(405), 'app'],
    [graph(400, 80_007, { retryable: true }), 'rate-limit'],
    [graph(429, undefined, { retryable: true }), 'rate-limit'],
    [new HostRefusedError({ host, problem: 'x' }), 'app'],
    [download(407), 'app'],
    [download(), 'app'],
    [download(302), 'app'],
    [store('AccessDenied', 403), 'storage'],
    [store('AccessDenied', 403, true), 'storage'],
    [store('KMS.DisabledException', 400), 'storage'],
    [store('KMSInvalidStateException', 400), 'storage'],
    [store('XMinioStorageFull', 507, true), 'storage'],
    [store('UnknownError', 507, true), 'storage'],
    [store('UnknownError', 405), 'storage'],
    [store('EROFS'), 'storage'],
    [new InvalidOptionError({ option: 'accessToken', problem: 'has a line end' }), 'account'],
  ])('%s is about the %s', (error, whole) => {
    expect(judgeFault(error)).toEqual({ about: 'whole', whole })
  })

  it.each<[AnyWhatsAppMediaError, string]>([
    [graph(503, 2, { retryable: true }), 'passing'],
    [graph(400, 10, { retryable: true }), 'passing'], // Meta said that it is transient
    [graph(400, 100), 'object'],
    [graph(400, 131_052), 'object'],
    [graph(404), 'object'],
    [graph(400, 100, { subcode: 33 }), 'object'],
    [download(404, true), 'passing'],
    [download(400), 'object'],
    [store('SlowDown', 503, true), 'passing'],
    [store('UnknownError', 503, true), 'passing'],
    [store('SlowDown', 503), 'passing'],
    [store('EntityTooLarge', 400), 'object'],
    [store('UnknownError', 413), 'object'],
    [store('says no'), 'object'],
    [new TimeoutError({ waitedFor: 'store', limitMs: 1 }), 'passing'],
    [new SizeLimitError({ limitBytes: 1, bytes: 2 }), 'object'],
    [new MediaGoneError({ mediaId: '1', status: 400 }), 'object'],
    [new InvalidOptionError({ option: 'filename', problem: 'is odd' }), 'object'],
  ])('%s is %s', (error, about) => {
    expect(judgeFault(error)).toEqual({ about })
  })
})
