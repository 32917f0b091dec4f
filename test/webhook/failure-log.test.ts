import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createFailureLog } from '../../src/webhook/failure-log.js'

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
  it('writes what happened, the error and the line that threw it', () => {
    createFailureLog()('kind', { told: 'it broke.', error: new TypeError('my database is down') })
    const [line = '', ...others] = lines
    expect(others).toEqual([])
    expect(line).toMatch(
      /^whatsapp-media-archive: it broke\.\n {2}TypeError: my database is down\n {4}at .*failure-log/,
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

  it.each<[string, unknown, RegExp]>([
    ['a token', new Error(`refused EAAB${'x1'.repeat(20)}`), /Error: refused \[removed\]/],
    ['a phone number', new Error('duplicate key +49 151 12345678'), /duplicate key \[number\]/],
    ['a file name', new Error('cannot open "Vertrag Müller.pdf"'), /cannot open .*\[file name\]/],
    ['an error of another realm', runInNewContext('new RangeError("far away")'), /RangeError: far away/],
    [
      'an error without stack and name',
      Object.assign(new Error('bare'), { stack: undefined, name: '' }),
      /^ {2}Error: bare$/m,
    ],
    ['a string', 'EAABsecret', /What was thrown is no error: a string of 10 characters/],
    ['nothing', undefined, /no error: a value of type undefined/],
  ])('shows no more than it may of %s', (_name, error, told) => {
    createFailureLog()('kind', { told: 'it broke.', error })
    expect(lines[0]).toMatch(told)
    expect(lines[0]).not.toMatch(/EAAB|151 1|Müller/)
  })
})
