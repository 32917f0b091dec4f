import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createFailureLog } from '../../src/errors/failure-log.js'
import { InvalidOptionError } from '../../src/errors.js'

let lines: string[]
beforeEach(() => {
  lines = []
  vi.useFakeTimers({ toFake: ['performance'] })
  vi.spyOn(console, 'error').mockImplementation((line: string) => void lines.push(line))
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('createFailureLog', () => {
  it('writes what happened, the name of the error and the line that threw it', () => {
    createFailureLog()('kind', { told: 'it broke.', error: new TypeError('my database is down') })
    const [line = '', ...others] = lines
    expect(others).toEqual([])
    expect(line).toMatch(
      /^whatsapp-media-archive: it broke\.\n {2}TypeError\n {4}at .*failure-log\.test\.ts:\d+:\d+\)?$/,
    )
  })

  it('writes each kind once a minute, and counts what it left out', () => {
    const log = createFailureLog()
    const error = new Error('down')
    for (let times = 0; times < 1_000; times++) log('first', { told: 'first', error })
    log('second', { told: 'second', error })
    vi.advanceTimersByTime(59_999)
    log('first', { told: 'first', error })
    expect(lines.map((line) => line.split('\n')[0])).toEqual([
      'whatsapp-media-archive: first',
      'whatsapp-media-archive: second',
    ])
    vi.advanceTimersByTime(1)
    log('first', { told: 'first', error })
    log('second', { told: 'second', error })
    expect(lines.slice(2).map((line) => line.split('\n')[0])).toEqual([
      'whatsapp-media-archive: first (and 1000 times since the line before)',
      'whatsapp-media-archive: second',
    ])
  })

  it('counts the other accounts, each once', () => {
    const log = createFailureLog()
    const error = new Error('down')
    for (const accountId of ['a', 'a', 'b', 'b', 'c']) log('kind', { told: 'paused', error, accountId })
    vi.advanceTimersByTime(60_000)
    log('kind', { told: 'paused', error, accountId: 'd' })
    log('kind', { told: 'paused', error, accountId: 'e' })
    vi.advanceTimersByTime(60_000)
    log('kind', { told: 'paused', error, accountId: 'a' })
    log('kind', { told: 'paused', error, accountId: 'a' })
    vi.advanceTimersByTime(60_000)
    log('kind', { told: 'paused', error, accountId: 'a' })
    expect(lines.map((line) => line.split('\n')[0])).toEqual([
      'whatsapp-media-archive: paused',
      'whatsapp-media-archive: paused (and 2 more accounts since the line before)',
      'whatsapp-media-archive: paused (and 1 more account since the line before)',
      'whatsapp-media-archive: paused (and once more since the line before)',
    ])
  })

  const throwAs = (message: string, more: object = {}) => Object.assign(new Error(message), more)
  const changed = new Error('before\n    at customer Jane (jane@example.com:1:1)')
  changed.message = 'after'

  it.each<[string, unknown, RegExp]>([
    [
      'a customer in an SQL error',
      throwAs('Key (email)=(jane@example.com) exists', { code: 'P2002' }),
      /Error \(P2002\)/,
    ],
    [
      'a connection string',
      throwAs('connect postgres://jane:hunter2@db', { code: 'ECONNREFUSED' }),
      /\(ECONNREFUSED\)/,
    ],
    ['a bearer token', new Error(`refused EAAB${'x1'.repeat(20)}`), /^ {2}Error$/m],
    ['a phone number', new RangeError('duplicate key +49 151 12345678'), /^ {2}RangeError$/m],
    ['a caption', new TypeError('cannot insert "Jane, are you there?"'), /^ {2}TypeError$/m],
    ['a name that is none', throwAs('x', { name: 'jane@example.com' }), /^ {2}Error$/m],
    ['a code that is none', throwAs('x', { code: 'jane@example.com' }), /^ {2}Error$/m],
    ['a numeric code', throwAs('E11000 dup key: { name: "Jane" }', { code: 11_000 }), /^ {2}Error$/m],
    [
      'a message of several lines',
      new Error('one\n    at Jane (jane@example.com:1:1)\ntwo'),
      /at .*failure-log\.test\.ts/,
    ],
    ['a message that was changed', changed, /^ {2}Error$/m],
    ['a cause', new Error('outer', { cause: new Error('Jane') }), /^ {2}Error$/m],
    ['an error of another realm', runInNewContext('new RangeError("jane@example.com")'), /^ {2}RangeError$/m],
    ['an error without stack and name', throwAs('Jane', { stack: undefined, name: '' }), /^ {2}Error$/m],
    ['an aggregate', new AggregateError([new Error('Jane')], 'Jane'), /^ {2}AggregateError$/m],
    ['a string', 'EAABsecret Jane', /What was thrown is no error: a string of 15 characters/],
    ['an object', { message: 'Jane' }, /no error: a value of type object/],
    ['nothing', undefined, /no error: a value of type undefined/],
  ])('shows nothing of the words of %s', (_name, error, told) => {
    createFailureLog()('kind', { told: 'it broke.', error })
    expect(lines[0]).toMatch(told)
    expect(lines[0]).not.toMatch(/EAAB|151 1|jane|hunter2/i)
  })

  it("keeps the words of this library's own errors, whose numbers are no phone numbers", () => {
    const error = new InvalidOptionError({
      option: 'request.body',
      problem: "must be read once, got '106540352242922'",
    })
    createFailureLog()('kind', { told: 'it broke.', error })
    expect(lines[0]).toMatch(
      /^ {2}InvalidOptionError: request\.body must be read once, got '106540352242922'\n {4}at /m,
    )
  })
})
