import { expect, it } from 'vitest'
import { InvalidOptionError, StorageFailedError } from '../../src/errors.js'
import { readRefusal, readSdkError } from '../../src/storage/refusal.js'

it.each<[string, unknown, object]>([
  [
    "a storage's own error",
    new StorageFailedError({ operation: 'get', key: 'k', reason: 'SlowDown', status: 503, retryable: true }),
    { reason: 'SlowDown', status: 503 },
  ],
  [
    'another error of this library',
    new InvalidOptionError({ option: 'key', problem: 'is bad' }),
    { reason: 'invalid-option' },
  ],
  ['an SDK error', { name: 'Forbidden', $metadata: { httpStatusCode: 403 } }, { reason: 'Forbidden', status: 403 }],
  ['a failed fetch', new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } }), { reason: 'ECONNREFUSED' }],
  ['a cause without a code', new TypeError('x', { cause: new Error('canary') }), { reason: 'TypeError' }],
  ['a text', 'canary', { reason: 'unknown' }],
])('readRefusal reads codes only: %s', (_name, error, expected) => {
  expect(readRefusal(error)).toEqual({ ok: false, ...expected })
})

it('readSdkError prefers the code of the answer to the name of the class', () => {
  const error = Object.assign(new Error('canary'), { name: 'UnknownError', Code: 'NoSuchBucket', $metadata: {} })
  expect(readSdkError(error)).toEqual({ status: undefined, reason: 'NoSuchBucket' })
})
