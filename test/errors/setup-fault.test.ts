import { describe, expect, it } from 'vitest'
import { checkPackageVersion, findSetupFault, loadPackage } from '../../src/errors/setup-fault.js'

const thrown = (message: string, fields: object = {}): Error => Object.assign(new Error(message), fields)
const SDK = { name: '@aws-sdk/client-s3', install: '@aws-sdk/client-s3 @aws-sdk/s3-request-presigner' }

describe('loadPackage', () => {
  it('returns what it loads', async () => {
    expect(await loadPackage(SDK, async () => 'loaded')).toBe('loaded')
  })

  it.each([
    [
      'Node',
      thrown("Cannot find package '@aws-sdk/client-s3' imported from /app/x.js", { code: 'ERR_MODULE_NOT_FOUND' }),
    ],
    ['require', thrown("Cannot find module '@aws-sdk/client-s3'\nRequire stack:\n- /x", { code: 'MODULE_NOT_FOUND' })],
    ['Jest', thrown("Cannot find module '@aws-sdk/client-s3' from 'node_modules/x.cjs'")],
    ['Bun', thrown("Cannot find package '@aws-sdk/client-s3' from '/app/x.js'", { name: 'ResolveMessage' })],
    ['Deno', thrown('Could not find package "npm:@aws-sdk/client-s3@^3"', { name: 'TypeError' })],
    ['Workers', thrown('No such module "@aws-sdk/client-s3".')],
    ['Vite', thrown('Failed to resolve import "@aws-sdk/client-s3" from "src/x.ts"')],
    ['Plug’n’Play', thrown('The app tried to access a package that it does not declare', { code: 'MODULE_NOT_FOUND' })],
    ['a part of it', thrown("Cannot find module '@aws-sdk/client-s3/part.js'", { code: 'MODULE_NOT_FOUND' })],
  ])('names a package that %s does not find, and the command to install it', async (_name, error) => {
    await expect(loadPackage(SDK, () => Promise.reject(error))).rejects.toMatchObject({
      code: 'package-missing',
      message:
        'The package @aws-sdk/client-s3 is not installed: npm install @aws-sdk/client-s3 @aws-sdk/s3-request-presigner',
    })
  })

  it.each([
    [thrown("Cannot find package '@smithy/core' imported from /app", { code: 'ERR_MODULE_NOT_FOUND' }), '@smithy/core'],
    [thrown("Cannot find module 'tslib'", { code: 'MODULE_NOT_FOUND' }), 'does not find tslib'],
    [thrown('No "exports" main defined', { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' }), 'is broken'],
    [thrown('Unexpected token', { name: 'SyntaxError' }), 'does not fit this runtime'],
    ['a text', 'is broken'],
  ])('tells a package that is there and does not load: %s', async (error, problem) => {
    const loading = loadPackage({ name: '@aws-sdk/client-sqs' }, () => Promise.reject(error))
    await expect(loading).rejects.toMatchObject({
      code: 'package-broken',
      message: expect.stringMatching(new RegExp(`${problem}.*npm install @aws-sdk/client-sqs$`)),
    })
  })

  it('hands on a fault of the machine, which passes', async () => {
    const full = thrown('too many open files', { code: 'EMFILE' })
    await expect(loadPackage(SDK, () => Promise.reject(full))).rejects.toBe(full)
  })
})

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
