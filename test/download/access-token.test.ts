import { beforeEach, describe, expect, it, vi } from 'vitest'
import {
  type AccessToken,
  noteSuccess,
  runWithToken,
  type TokenCall,
  type TokenHistory,
} from '../../src/download/access-token.js'
import { AccessTokenError, GraphApiError } from '../../src/errors.js'

const rejection = new AccessTokenError({ reason: 'rejected', status: 401, graphCode: 190 })

let history: TokenHistory
let reasons: string[]
let tried: string[]
let waits: string[]
beforeEach(() => {
  history = {}
  reasons = []
  tried = []
  waits = []
})

/** A use that Meta rejects unless the token is a good one. */
const useOf =
  (...good: string[]) =>
  async (token: string): Promise<string> => {
    tried.push(token)
    if (!good.includes(token)) throw rejection
    return token
  }

/** A function that gives these tokens one after the other, and then the last one again. */
const giving =
  (...tokens: string[]): AccessToken =>
  (reason) => {
    reasons.push(reason)
    return tokens[Math.min(reasons.length, tokens.length) - 1]
  }

const deadlinesOf = ({ signal }: AbortController): TokenCall['deadlines'] => ({
  signal,
  waitFor: (party) => waits.push(party),
})

const run = (accessToken: AccessToken, use = useOf('good')): Promise<string> =>
  runWithToken({ accessToken, history, deadlines: deadlinesOf(new AbortController()) }, use)

describe('runWithToken', () => {
  it('asks again when Meta rejects the token, and tries the other one', async () => {
    expect(await run(giving('dead', 'good'))).toBe('good')
    expect(reasons).toEqual(['first', 'rejected'])
    expect(tried).toEqual(['dead', 'good'])
  })

  it('lets no deadline of Meta’s run while the function is asked', async () => {
    const use = async (token: string): Promise<string> => {
      waits.push(`look-up with ${token}`)
      return useOf('good')(token)
    }
    await run(giving('dead', 'good'), use)
    expect(waits).toEqual(['reader', 'look-up with dead', 'reader', 'look-up with good'])
  })

  it('tries no token twice, and no third one', async () => {
    await expect(run(giving('dead'))).rejects.toBe(rejection)
    expect([reasons, tried]).toEqual([['first', 'rejected'], ['dead']])
    history = {}
    reasons = []
    await expect(run(giving('dead', 'dead-too', 'good'))).rejects.toBe(rejection)
    expect(tried).toEqual(['dead', 'dead', 'dead-too'])
  })

  it('does not try a fixed token twice', async () => {
    await expect(run('dead')).rejects.toBe(rejection)
    expect(tried).toEqual(['dead'])
  })

  it('asks with "rejected" as long as the token given last is the rejected one', async () => {
    await expect(run(giving('dead'))).rejects.toBe(rejection)
    await expect(run(giving('dead', 'dead', 'dead'))).rejects.toBe(rejection)
    expect(reasons).toEqual(['first', 'rejected', 'rejected'])
    expect(await run(giving('', '', '', 'good'))).toBe('good')
    expect(await run(giving('', '', '', '', 'good'))).toBe('good')
    expect(reasons).toEqual(['first', 'rejected', 'rejected', 'rejected', 'first'])
  })

  it('asks with "first" after faults that say nothing about the token', async () => {
    const down = new GraphApiError({ status: 503, retryable: true })
    const use = async (token: string): Promise<string> => {
      throw token === 'dead' ? rejection : down
    }
    await expect(run(giving('dead', 'fresh'), use)).rejects.toBe(down)
    expect(await run(giving('', '', 'good'))).toBe('good')
    expect(reasons).toEqual(['first', 'rejected', 'first'])
  })

  it('asks with "rejected" again where the function failed to give another', async () => {
    const sealed = (reason: string): string => {
      reasons.push(reason)
      if (reasons.length === 2) throw new TypeError('vault is sealed')
      return reasons.length === 1 ? 'dead' : 'good'
    }
    await expect(run(sealed)).rejects.toMatchObject({ code: 'access-token', reason: 'unavailable' })
    expect(await run(sealed)).toBe('good')
    expect(reasons).toEqual(['first', 'rejected', 'rejected'])
  })

  it('tells a cache that its token is the rejected one without trying it', async () => {
    const accessToken = (reason: string): string => {
      reasons.push(reason)
      return reason === 'rejected' ? 'good' : 'dead'
    }
    await run(accessToken)
    expect(await run(accessToken)).toBe('good')
    expect(reasons).toEqual(['first', 'rejected', 'first', 'rejected'])
    expect(tried).toEqual(['dead', 'good', 'good'])
  })

  it('trusts a rejected token again once it has worked', async () => {
    await expect(run(giving('back'))).rejects.toBe(rejection)
    expect(await run(giving('back'), useOf('back'))).toBe('back')
    noteSuccess('another', history)
    expect(history.rejected).toBe('back')
    noteSuccess('back', history)
    await run(giving('back'), useOf('back'))
    expect(reasons).toEqual(['first', 'rejected', 'rejected', 'first'])
  })

  it('asks once for another token for a hundred calls under way together', async () => {
    const accessToken = async (reason: string): Promise<string> => {
      reasons.push(reason)
      return reason === 'rejected' || reasons.includes('rejected') ? 'good' : 'dead'
    }
    const results = await Promise.all(Array.from({ length: 100 }, () => run(accessToken)))
    expect(new Set(results)).toEqual(new Set(['good']))
    expect(reasons.filter((reason) => reason === 'rejected')).toHaveLength(1)
  })

  it('asks once, too, where there is no other token', async () => {
    const runs = Array.from({ length: 100 }, () => run(giving('dead')))
    const results = await Promise.allSettled(runs)
    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    expect(reasons.filter((reason) => reason === 'rejected')).toHaveLength(1)
    expect(tried).toHaveLength(100)
  })

  it('takes the late news of an old token for what it is', async () => {
    const late = deferred()
    const slow = run(giving('dead', 'good'), async (token) => {
      if (token === 'dead') {
        await late.promise
        throw rejection
      }
      return token
    })
    await vi.waitFor(() => expect(history.given).toBe('dead'))
    await run('good')
    late.resolve()
    expect(await slow).toBe('good')
    expect(reasons).toEqual(['first', 'first'])
    expect(history.rejected).toBeUndefined()
  })

  it('names the account where it is known', async () => {
    const call = { accessToken: undefined, history, deadlines: deadlinesOf(new AbortController()) }
    await expect(runWithToken({ ...call, account: 'acme' }, useOf())).rejects.toMatchObject({
      message: 'The access token of account acme is missing',
    })
    await expect(runWithToken(call, useOf())).rejects.toMatchObject({ message: 'The access token is missing' })
  })

  it('names what the function throws, and no more', async () => {
    const sealed = (): never => {
      throw new TypeError('vault is sealed')
    }
    await expect(run(sealed)).rejects.toMatchObject({ reason: 'unavailable', cause: { name: 'TypeError' } })
  })

  it('does not wait for a function that outlives its signal', async () => {
    const controller = new AbortController()
    const call = { history, deadlines: deadlinesOf(controller) }
    const asked = runWithToken({ ...call, accessToken: () => new Promise(() => {}) }, useOf())
    controller.abort('enough')
    await expect(asked).rejects.toBe('enough')
    await expect(runWithToken({ ...call, accessToken: giving('good') }, useOf())).rejects.toBe('enough')
    await expect(runWithToken({ ...call, accessToken: 'good' }, useOf())).rejects.toBe('enough')
    expect([reasons, tried]).toEqual([[], []])
  })

  it('asks anew where the last call left a function behind that hangs', async () => {
    await expect(run(giving('dead'))).rejects.toBe(rejection)
    const controller = new AbortController()
    const hanging = runWithToken(
      { accessToken: () => new Promise(() => {}), history, deadlines: deadlinesOf(controller) },
      useOf(),
    )
    controller.abort('enough')
    await expect(hanging).rejects.toBe('enough')
    expect(await run(giving('', '', 'good'))).toBe('good')
  })

  it('shares the renewal that runs, when one that was left behind ends late', async () => {
    await expect(run(giving('dead'))).rejects.toBe(rejection)
    const [late, next] = [deferred(), deferred()]
    const ends = [late, next]
    let renewals = 0
    const accessToken = async (): Promise<string> => {
      await ends[renewals++]?.promise
      return 'good'
    }
    const controller = new AbortController()
    const left = runWithToken({ accessToken, history, deadlines: deadlinesOf(controller) }, useOf('good'))
    controller.abort('enough')
    await expect(left).rejects.toBe('enough')
    const second = run(accessToken)
    late.resolve()
    await late.promise
    await new Promise(setImmediate)
    const third = run(accessToken)
    next.resolve()
    expect(await Promise.all([second, third])).toEqual(['good', 'good'])
    expect(renewals).toBe(2)
  })
})

function deferred(): { promise: Promise<void>; resolve(): void } {
  let resolve: () => void = () => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

it.each<[unknown, string]>([
  [undefined, 'The access token is missing'],
  [null, 'The access token is missing'],
  ['', 'The access token is missing'],
  ['EAAx\n', 'The access token is missing: what was given has white space in or around it'],
  [' EAAx', 'The access token is missing: what was given has white space in or around it'],
  ['EAA x', 'The access token is missing: what was given has white space in or around it'],
  ['Bearer EAAx', 'The access token is missing: what was given starts with Bearer; give the token alone'],
  ['bearer EAAx', 'The access token is missing: what was given starts with Bearer; give the token alone'],
  ['EAA\u200bx', 'The access token is missing: what was given is not plain ASCII'],
  [12, 'The access token is missing: it must be a string, got a value of type number'],
])('runWithToken says why %j is no token', async (token, message) => {
  await expect(run(token as string)).rejects.toMatchObject({ reason: 'missing', message })
})
