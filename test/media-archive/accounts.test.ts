import { describe, expect, it, vi } from 'vitest'
import { type Account, findAccount } from '../../src/media-archive/accounts.js'

const account: Account = { accountId: 'acme', accessToken: 'of-a-test' }

describe('findAccount', () => {
  it('returns what accounts finds, at once or later', async () => {
    const accounts = vi.fn(() => account)
    expect(await findAccount(accounts, '106540352242922')).toBe(account)
    expect(accounts).toHaveBeenCalledExactlyOnceWith('106540352242922')
    expect(await findAccount(async () => account, '106540352242922')).toBe(account)
  })

  it.each([undefined, null])('has no default account: %s', async (nothing) => {
    const found = findAccount(() => nothing as undefined, '106540352242922')
    await expect(found).rejects.toMatchObject({
      ...{ code: 'unknown-number', retryable: false, phoneNumberId: '106540352242922' },
      message: "No account is configured for phone number id '106540352242922'",
    })
  })

  it.each(['', '../other', 'a/b', 'a b', 'ä', 'x'.repeat(129), undefined, 7])(
    'refuses the account id %j: it would leave its place in the key',
    async (accountId) => {
      const found = findAccount(() => ({ ...account, accountId: accountId as string }), '1')
      await expect(found).rejects.toMatchObject({ code: 'invalid-option', option: 'accountId' })
    },
  )

  it.each([
    [{ accountId: 'acme', token: 'x' }, 'token', 'accessToken'],
    [{ accountId: 'acme', access_token: 'x' }, 'access_token', 'accessToken'],
    [{ accountId: 'acme', acessToken: 'x' }, 'acessToken', 'accessToken'],
    [{ ...account, secret: 'x' }, 'secret', 'appSecret'],
    [{ ...account, app_secret: 'x' }, 'app_secret', 'appSecret'],
    [{ id: 'acme', accessToken: 'x' }, 'id', 'accountId'],
    [{ account: 'acme', accessToken: 'x' }, 'account', 'accountId'],
    [{ tenantId: 'acme', accessToken: 'x' }, 'tenantId', 'accountId'],
    [{ ...account, mediaLifetime: 1 }, 'mediaLifetime', 'mediaLifetimeMs'],
  ])('names the field that %o means', async (row, given, meant) => {
    const message = `unknown option account.${given}; did you mean account.${meant}?`
    await expect(findAccount(() => row as never, '1')).rejects.toMatchObject({ code: 'invalid-option', message })
  })

  it('takes a row with more fields, and an instance of a class', async () => {
    const row = {
      ...account,
      appSecret: 's',
      id: 7,
      token: 'x',
      secret: 'y',
      phoneNumber: '1555',
      name: 'Acme',
      _id: 1,
    }
    expect(await findAccount(() => row, '1')).toBe(row)
    const document = Object.assign(new (class Row {})(), account)
    expect(await findAccount(() => document, '1')).toBe(document)
    await expect(findAccount(() => 'acme' as never, '1')).rejects.toThrow("account must be an object, got 'acme'")
  })

  it('passes on what accounts throws', async () => {
    const reason = new Error('the database is down')
    const fail = () => {
      throw reason
    }
    await expect(findAccount(fail, '1')).rejects.toBe(reason)
    await expect(findAccount(async () => fail(), '1')).rejects.toBe(reason)
  })
})
