import { describe, expect, it, vi } from 'vitest'
import { findClientSecrets, listIdentitySecrets, listUrlSecrets } from '../../src/errors/identity-secrets.js'

const IDENTITY = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret', sessionToken: 'example-session' }
const ALL = ['example-secret', 'example-session', 'AKIDEXAMPLE']

describe('listIdentitySecrets', () => {
  it.each<[unknown, string[]]>([
    [IDENTITY, ALL],
    [{ accessKeyId: 'a', secretAccessKey: 'b' }, ['b']],
    [{ accessKeyId: 5, secretAccessKey: null }, []],
    [async () => IDENTITY, []],
    ['a text', []],
    [undefined, []],
    [null, []],
  ])('lists those of %j', (identity, secrets) => {
    expect(listIdentitySecrets(identity)).toEqual(secrets)
  })
})

describe('findClientSecrets', () => {
  const clientOf = (credentials: unknown): object => ({ config: { credentials } })
  it.each<[string, unknown, string[]]>([
    ['credentials', clientOf(async () => IDENTITY), ALL],
    ['a provider that answers at once', clientOf(() => IDENTITY), ALL],
    ['a provider that rejects', clientOf(() => Promise.reject(new Error('no'))), []],
    [
      'a provider that throws',
      clientOf(() => {
        throw new Error('no')
      }),
      [],
    ],
    ['no provider', clientOf(undefined), []],
    ['credentials that are no function', clientOf(IDENTITY), []],
    ['no settings', {}, []],
    ['no client', undefined, []],
  ])('lists those of a client with %s', async (_name, client, secrets) => {
    expect(await findClientSecrets(client, new Error('refused'))).toEqual(secrets)
  })

  const named = (name: string, message: string, fields: object = {}): Error =>
    Object.assign(new Error(message), { name, ...fields })
  it.each<[string, unknown, number]>([
    ['no credentials', named('CredentialsProviderError', 'none'), 0],
    ['expired credentials', named('CredentialsProviderError', 'the session has expired'), 0],
    ['a provider without a token', named('TokenProviderError', 'none'), 0],
    ['half of the credentials', new Error('Resolved credential object is not valid'), 0],
    ['no region', new Error('Region is missing'), 0],
    ['a package that is not there', named('Error', "Cannot find module 'x'", { code: 'MODULE_NOT_FOUND' }), 0],
    ['a connection that failed', named('Error', 'reset', { code: 'ECONNRESET' }), 1],
    ['a refusal', named('AccessDenied', 'no', { $metadata: { httpStatusCode: 403 } }), 1],
    ['a store that names a provider', named('ProviderError', 'no', { $metadata: { httpStatusCode: 403 } }), 1],
    ['a text', 'no', 1],
    ['nothing', undefined, 1],
  ])('asks only what has signed the call: %s', async (_what, error, times) => {
    const provide = vi.fn(async () => IDENTITY)
    expect(await findClientSecrets(clientOf(provide), error)).toEqual(times === 0 ? [] : ALL)
    expect(provide).toHaveBeenCalledTimes(times)
  })

  it('waits a second at most', async () => {
    vi.useFakeTimers()
    const asked = findClientSecrets(
      clientOf(() => new Promise(() => {})),
      new Error('refused'),
    )
    await vi.advanceTimersByTimeAsync(1_000)
    vi.useRealTimers()
    expect(await asked).toEqual([])
  })
})

describe('listUrlSecrets', () => {
  it.each<[unknown, string[]]>([
    ['https://user:password-of-it@sqs.test/1/media', ['password-of-it']],
    ['https://user:pass%40word@sqs.test/1/media', ['pass%40word', 'pass@word']],
    ['https://user:100%zz@sqs.test/1/media', ['100%zz']],
    ['https://token-of-it@sqs.test/1/media', ['token-of-it']],
    ['https://sqs.test/1/media', []],
    ['no URL', []],
    [undefined, []],
  ])('lists those of %s', (url, secrets) => {
    expect(listUrlSecrets(url)).toEqual(secrets)
  })
})
