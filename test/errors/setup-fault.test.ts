import { describe, expect, it } from 'vitest'
import { checkPackageVersion, findSetupFault } from '../../src/errors/setup-fault.js'

const thrown = (message: string, fields: object = {}): Error => Object.assign(new Error(message), fields)
describe('checkPackageVersion', () => {
  const check = (found: unknown): void => checkPackageVersion({ name: 'sdk' }, { found, least: '3.729' })

  it.each(['3.729.0', '3.1169.0', '4.0.0', undefined, null, 7, '', 'next', '3', '3.9999999.0'])('takes %j', (found) => {
    expect(() => check(found)).not.toThrow()
  })

  it.each(['3.728.9', '3.72.0', '2.1692.0', '3.0.0-rc.1'])('refuses %s', (found) => {
    expect(() => check(found)).toThrow(
      expect.objectContaining({
        code: 'package-too-old',
        message: expect.stringMatching(/3\.729 or newer.*npm install sdk$/),
      }),
    )
  })
})

describe('findSetupFault', () => {
  const provider = (message: string, name = 'CredentialsProviderError'): Error => thrown(message, { name })

  it.each<[Error, string, RegExp]>([
    [thrown('Region is missing'), 'region-missing', /option region.*AWS_REGION.*AWS_PROFILE/],
    [thrown('Region not accepted: region="a b"'), 'region-malformed', /AWS_REGION/],
    [provider('Could not load credentials from any providers'), 'CredentialsProviderError', /AWS_SECRET_ACCESS_KEY/],
    [provider('Could not read profile', 'ProviderError'), 'CredentialsProviderError', /option credentials/],
    [thrown('Resolved credential object is not valid'), 'CredentialsProviderError', /both AWS_ACCESS_KEY_ID and/],
    [provider('Token is expired', 'TokenProviderError'), 'credentials-expired', /aws sso login/],
    [provider('The SSO session has EXPIRED.'), 'credentials-expired', /renew/],
    [
      thrown("Cannot find package '@aws-sdk/credential-provider-sso' imported from /x", {
        code: 'ERR_MODULE_NOT_FOUND',
      }),
      ...(['package-missing', /@aws-sdk\/credential-provider-sso is not installed/] as const),
    ],
    [
      thrown("Cannot find module '@smithy/core/config'\nRequire stack:\n- /x", {
        code: 'MODULE_NOT_FOUND',
        requireStack: [import.meta.filename],
      }),
      ...(['package-unreadable', /@smithy\/core is installed, and was not found.*Restart the process/] as const),
    ],
    [
      thrown(`Cannot find package 'bullmq' imported from ${import.meta.filename}`, { code: 'ERR_MODULE_NOT_FOUND' }),
      ...(['package-unreadable', /bullmq is installed/] as const),
    ],
    [
      thrown("Cannot find package 'bullmq' imported from nowhere", { code: 'ERR_MODULE_NOT_FOUND' }),
      ...(['package-missing', /bullmq is not installed/] as const),
    ],
    [thrown("Cannot find module '/app/gone.js'", { code: 'MODULE_NOT_FOUND' }), 'package-missing', /^A package is not/],
    [thrown('Install it', { code: 'package-missing' }), 'package-missing', /^Install it$/],
    [thrown('Install it anew', { code: 'package-broken' }), 'package-broken', /anew/],
  ])('tells %s', (error, reason, advice) => {
    expect(findSetupFault(error)).toEqual({ reason, advice: expect.stringMatching(advice) })
  })

  it.each([thrown('The token is expired'), thrown('reset', { code: 'ECONNRESET' }), undefined, 'Region is missing'])(
    'knows nothing of %s',
    (error) => {
      expect(findSetupFault(error)).toBeUndefined()
    },
  )
})
