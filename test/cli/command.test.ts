import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { exitCodeOf, listenForInterrupts, oneLine } from '../../src/cli/command.js'
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

it('exitCodeOf tells what has to be mended first from other failures', () => {
  const parsers = Object.assign(new Error('Unknown option'), { name: 'CACError' })
  expect(exitCodeOf(parsers)).toBe(2)
  expect(exitCodeOf(new InvalidOptionError({ option: '--account', problem: 'is needed' }))).toBe(2)
  const missing = { operation: 'list', key: 'a/', reason: 'NoSuchBucket', retryable: false } as const
  expect(exitCodeOf(new StorageFailedError(missing))).toBe(2)
  expect(exitCodeOf(new WrongAccountError({ accountId: 'pixels' }))).toBe(1)
  expect(exitCodeOf(new Error('other'))).toBe(1)
  expect(exitCodeOf('thrown')).toBe(1)
})

it('oneLine leaves nothing that moves a cursor', () => {
  expect(oneLine('a\nb\u001b[2Jc\u202Ed\u2028')).toBe('a?b?[2Jc?d?')
})
