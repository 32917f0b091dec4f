import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { archiveMedia } from '../../src/archive.js'
import { api, asked, events, freshPhoto, options, photo, sha256, without } from './scene.js'

describe('archiveMedia', () => {
  it.each([
    [102, 'access-token', { reason: 'rejected' }],
    [190, 'access-token', { reason: 'rejected' }],
    [32, 'graph-api', { retryable: true }],
    [4, 'graph-api', { retryable: true }],
  ])('takes Graph code %i for the error that it is: %s', async (graphCode, code, details) => {
    const body = JSON.stringify({ error: { code: graphCode, message: 'as Meta says', type: 'OAuthException' } })
    api.fail({ on: 'look-up', kind: 'status', status: 400, body, times: 1 })
    const archiving = archiveMedia(await freshPhoto(), options({ attempts: 1 }))
    await expect(archiving).rejects.toMatchObject({ code, graphCode, status: 400, ...details })
    expect(asked()).toEqual(['look-up'])
  })

  it('asks the token function for another token on Graph code 102, and waits out code 32', async () => {
    const reasons: string[] = []
    const accessToken = (reason: string): string => {
      reasons.push(reason)
      return api.accessToken
    }
    const answer = (code: number) => JSON.stringify({ error: { code } })
    api.fail({ on: 'look-up', kind: 'status', status: 400, body: answer(102), times: 1 })
    await expect(archiveMedia(await freshPhoto(), options({ accessToken, attempts: 1 }))).rejects.toMatchObject({
      code: 'access-token',
      graphCode: 102,
    })
    expect(reasons).toEqual(['first', 'rejected'])
    api.fail({ on: 'look-up', kind: 'status', status: 400, body: answer(32), times: 1 })
    expect(await archiveMedia(await freshPhoto(), options({ attempts: 2 }))).toMatchObject({ sha256 })
  })

  it('asks the token function again when Meta rejects the token, once', async () => {
    const reasons: string[] = []
    const accessToken = (reason: string): string => {
      reasons.push(reason)
      return reason === 'rejected' ? api.accessToken : 'stale-token'
    }
    const reference = without(await photo(), 'downloadUrl')
    expect(await archiveMedia(reference, options({ accessToken }))).toMatchObject({ sha256 })
    expect(reasons).toEqual(['first', 'rejected'])
    await expect(archiveMedia(await freshPhoto(), options({ accessToken: () => 'stale-token' }))).rejects.toMatchObject(
      {
        code: 'access-token',
        reason: 'rejected',
        graphCode: 190,
      },
    )
    expect(events.filter(({ type }) => type === 'attempt-failed')).toHaveLength(1)
  })

  it('asks with "rejected" only while the token given last is the rejected one', async () => {
    const reasons: string[] = []
    let token = 'stale-token'
    const accessToken = (reason: string): string => {
      reasons.push(reason)
      if (reason === 'rejected') token = api.accessToken
      return token
    }
    api.fail({ on: 'look-up', kind: 'status', status: 401, times: 1 })
    api.fail({ on: 'look-up', kind: 'status', status: 503, times: 1 })
    expect(await archiveMedia(await freshPhoto(), options({ accessToken }))).toMatchObject({ sha256 })
    expect(reasons).toEqual(['first', 'rejected', 'first'])
  })

  it('asks the token function again within its only attempt', async () => {
    const accessToken = (reason: string): string => (reason === 'rejected' ? api.accessToken : 'stale-token')
    const archived = await archiveMedia(await freshPhoto(), options({ accessToken, attempts: 1 }))
    expect(archived).toMatchObject({ sha256 })
  })

  it('does not try a fixed token twice', async () => {
    await expect(archiveMedia(await freshPhoto(), options({ accessToken: 'stale-token' }))).rejects.toMatchObject({
      code: 'access-token',
      retryable: true,
    })
    expect(asked()).toEqual(['look-up'])
  })

  it('names the account that has no token', async () => {
    await expect(archiveMedia(await photo(), options({ accessToken: undefined }))).rejects.toThrow(
      'The access token of account pixels is missing',
    )
    expect(asked()).toEqual([])
  })

  it('asks a token function that throws again, and types what it throws', async () => {
    let asked = 0
    const accessToken = (): string => {
      if (++asked < 3) throw new TypeError('vault says: secret-of-the-vault')
      return api.accessToken
    }
    const reference = await freshPhoto()
    expect(await archiveMedia(reference, options({ accessToken }))).toMatchObject({ alreadyStored: false })
    asked = -10
    const failure: unknown = await archiveMedia(reference, options({ accessToken })).catch((error: unknown) => error)
    expect(failure).toMatchObject({
      ...{ code: 'access-token', reason: 'unavailable', retryable: true },
      cause: { name: 'TypeError', message: 'TypeError' },
    })
    expect(inspect(failure, { depth: null, showHidden: true })).not.toContain('secret-of-the-vault')
  })

  it('types the failure of an authorization function, and shows no token', async () => {
    const authorization = (token: string): never => {
      throw new Error(`no ${token}`)
    }
    const cloudApi = { ...api.cloudApi, authorization }
    const failure: unknown = await archiveMedia(await photo(), options({ cloudApi, attempts: 1 })).catch(
      (error: unknown) => error,
    )
    expect(failure).toMatchObject({ code: 'download-failed' })
    expect(inspect(failure, { depth: null, showHidden: true })).not.toContain(api.accessToken)
  })

  it('proves the token with the app secret', async () => {
    await archiveMedia(
      await freshPhoto(),
      options({ appSecret: 'app-secret', cloudApi: { ...api.cloudApi, guardPhoneNumber: true } }),
    )
    expect(api.requests[0]?.url).toMatch(/\?appsecret_proof=[0-9a-f]{64}&phone_number_id=106540352242922$/)
    expect(api.requests[1]?.url).not.toContain('appsecret_proof')
  })

  it('does not wait for a token function that hangs', async () => {
    const reason = new Error('shutting down')
    const controller = new AbortController()
    setTimeout(() => controller.abort(reason), 20)
    const hanging = options({ accessToken: () => new Promise<string>(() => {}), signal: controller.signal })
    await expect(archiveMedia(await photo(), hanging)).rejects.toBe(reason)
    await expect(
      archiveMedia(
        await photo(),
        options({ accessToken: () => new Promise<string>(() => {}), timeouts: { totalMs: 20 }, attempts: 1 }),
      ),
    ).rejects.toMatchObject({ code: 'timeout', waitedFor: 'total' })
  })
})
