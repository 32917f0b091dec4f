import { EventEmitter } from 'node:events'
import { Readable } from 'node:stream'
import { expect, it, vi } from 'vitest'
import {
  type CommandHost,
  decideExitCode,
  describeThrown,
  listenForInterrupts,
  makeInterruptible,
  toOneLine,
  UsageError,
} from '../../src/cli/command.js'
import { InvalidOptionError, StorageFailedError, WrongAccountError } from '../../src/errors.js'

it('listenForInterrupts stops at the first signal, aborts at the second, and lets go', () => {
  const process = new EventEmitter()
  const interrupts = listenForInterrupts(process)
  process.emit('SIGTERM')
  expect([interrupts.stop.aborted, interrupts.abort.aborted]).toEqual([true, false])
  process.emit('SIGINT')
  expect(interrupts.abort.aborted).toBe(true)
  interrupts.end()
  expect([process.listenerCount('SIGINT'), process.listenerCount('SIGTERM')]).toEqual([0, 0])
})

it('decideExitCode distinguishes failures to fix first from others', () => {
  expect(decideExitCode(new UsageError('Unknown option'))).toBe(2)
  expect(decideExitCode(new InvalidOptionError({ option: '--account', problem: 'is needed' }))).toBe(2)
  const missing = { operation: 'list', key: 'a/', reason: 'NoSuchBucket', retryable: false } as const
  expect(decideExitCode(new StorageFailedError(missing))).toBe(2)
  expect(decideExitCode(new WrongAccountError({ accountId: 'pixels' }))).toBe(2)
  expect(decideExitCode(new Error('other'))).toBe(1)
  expect(decideExitCode('thrown')).toBe(1)
})

it('describeThrown reads errors, and other things that were thrown', () => {
  expect([describeThrown(new Error('message')), describeThrown('text')]).toEqual(['message', 'text'])
})

it('toOneLine leaves nothing that moves a cursor', () => {
  expect(toOneLine('a\nb\u001b[2Jc\u202Ed\u2028')).toBe('a?b?[2Jc?d?')
})

function createHost(signals: EventEmitter, exit: (code: number) => void): CommandHost {
  const terminal = { write() {} }
  return {
    env: {},
    stdin: Readable.from([]),
    stdout: terminal,
    stderr: terminal,
    signals,
    exit,
    version: '1',
    samples: '',
  }
}

it('makeInterruptible gives a command its interrupts, and stops listening at its end', async () => {
  const signals = new EventEmitter()
  const run = makeInterruptible(async ({ args }, { interrupts }) => {
    signals.emit('SIGINT')
    expect(interrupts.stop.aborted).toBe(true)
    return args.length
  })
  expect(
    await run(
      { args: ['a'], flags: {} },
      createHost(signals, () => {}),
    ),
  ).toBe(1)
  expect(signals.listenerCount('SIGINT')).toBe(0)
})

it('makeInterruptible ends the process two seconds after the second signal, with 130', async () => {
  vi.useFakeTimers()
  const [signals, exit] = [new EventEmitter(), vi.fn()]
  const run = makeInterruptible(() => new Promise(() => {}))
  void run({ args: [], flags: {} }, createHost(signals, exit))
  signals.emit('SIGINT')
  await vi.advanceTimersByTimeAsync(10_000)
  signals.emit('SIGINT')
  await vi.advanceTimersByTimeAsync(1_999)
  expect(exit).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(exit).toHaveBeenCalledExactlyOnceWith(130)
  vi.useRealTimers()
})
