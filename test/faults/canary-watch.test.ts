import { expect, it, vi } from 'vitest'
import { HostRefusedError } from '../../src/errors.js'
import { emit } from '../../src/events.js'
import { takeSinging } from './canary-watch.js'

const TOKEN = `EAAfake${'0'.repeat(48)}`

it('the suite hears a canary in an error that nobody looks at', () => {
  const error = new HostRefusedError({ host: 'a.example', problem: 'not configured' })
  // Its own details come clean: only what is added later can sing.
  expect(Object.assign(error, { added: TOKEN }).code).toBe('host-refused')
  expect(takeSinging()).not.toEqual([])
  expect(takeSinging()).toEqual([])
})

it('the suite hears a canary in an event, in base64 too', () => {
  emit(undefined, { type: 'host-refused', host: Buffer.from(TOKEN).toString('base64') })
  expect(takeSinging()).not.toEqual([])
})

it('the suite hears a canary on the console', () => {
  const print = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  // biome-ignore lint/suspicious/noConsole: it is what is tested
  console.error('asked with', { token: TOKEN })
  expect(takeSinging()).not.toEqual([])
  print.mockRestore()
})
