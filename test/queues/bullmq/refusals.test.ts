import { describe, expect, it, vi } from 'vitest'
import { createRefusalWaits, findRefusal, isRedisAnswer, limitReports } from '../../../src/queues/bullmq/refusals.js'

describe('findRefusal', () => {
  it.each([
    ["READONLY You can't write against a read only replica.", 'READONLY'],
    ["ERR Error running script (call to f_1a2b): @user_script:27: -READONLY You can't write", 'READONLY'],
    ["READONLY You can't write against a read only replica. script: 1a2b, on @user_script:250.", 'READONLY'],
    ['UNBLOCKED force unblock from blocking operation, instance state changed', 'UNBLOCKED'],
    ['NOREPLICAS Not enough good replicas to write.', 'NOREPLICAS'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'OOM'],
    ['MISCONF Redis is configured to save RDB snapshots, but it is currently not able to', 'MISCONF'],
    ['LOADING Redis is loading the dataset in memory', 'LOADING'],
    ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", 'MASTERDOWN'],
    ['CLUSTERDOWN Hash slot not served', 'CLUSTERDOWN'],
    ['Too many Cluster redirections. Last error: ReplyError: CLUSTERDOWN The cluster is down', 'CLUSTERDOWN'],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'TRYAGAIN'],
    ['BUSY Redis is busy running a script.', 'BUSY'],
  ])('finds the word of %s', (message, word) => {
    expect(findRefusal(new Error(message))).toBe(word)
    expect(isRedisAnswer(new Error(message))).toBe(true)
  })

  it.each([
    new Error('WRONGTYPE Operation against a key holding the wrong kind of value'),
    new Error('Missing lock for job READONLY. moveToFinished'),
    new Error('ERR NOT_LOADING yet'),
    new Error('Connection is closed.'),
    'READONLY as a text',
    undefined,
  ])('finds none in %s', (error) => {
    expect(findRefusal(error)).toBeUndefined()
  })

  it('knows any answer of Redis by its class', () => {
    const answer = Object.assign(new Error('NOPERM this user has no permissions'), { name: 'ReplyError' })
    expect([isRedisAnswer(answer), isRedisAnswer(new Error('Missing lock for job 5'))]).toEqual([true, false])
  })
})

describe('createRefusalWaits', () => {
  it('waits as long again as the outage has lasted, from 50 ms to 2 s, and begins anew after a quiet time', () => {
    let now = 0
    const waits = createRefusalWaits(() => now)
    expect(waits.decideMs()).toBe(0)
    const decided: number[] = []
    for (let times = 0; times < 8; times++) {
      waits.note()
      decided.push(waits.decideMs())
      now += waits.decideMs()
    }
    expect(decided).toEqual([50, 50, 100, 200, 400, 800, 1_600, 2_000])
    now += 10_001
    expect(waits.decideMs()).toBe(0)
    waits.note()
    expect(waits.decideMs()).toBe(50)
  })
})

describe('limitReports', () => {
  it('passes on one error a second of each reason', () => {
    let now = 0
    const report = vi.fn()
    const limited = limitReports(report, () => now)
    for (; now < 3_000; now += 10) for (const reason of ['READONLY', 'ECONNRESET']) limited({ reason })
    expect(report.mock.calls.map(([{ reason }]) => reason)).toEqual(
      Array.from({ length: 3 }, () => ['READONLY', 'ECONNRESET']).flat(),
    )
  })
})
