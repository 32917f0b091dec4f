import { vi } from 'vitest'
import type { MediaEvent, OnEvent } from '../../src/events.js'
import { createCanaryScanner, textsOf } from './canaries.js'

/**
 * What no error, event or log of any test may show: the suite's own secrets, as its fixtures hold them. Tests that give
 * others look for them by themselves.
 */
const CANARIES = createCanaryScanner({
  'the fake Cloud API’s tokens': 'EAAfake',
  'a default sender': '15550001111',
  'a default message id': 'wamid.bWVkaWE',
  'the servers’ secret key': 'testsecretkeytestsecretkeytestsecretkey1',
})

/** Everything that the library showed since it was last looked at. */
const shown = new Set<unknown>()

/** Each of the library's errors is branded as it is made, wherever it goes afterwards. */
const BRAND = Symbol.for('whatsapp-media-archive.error')

/** From now on notes each error, event and line of the console. */
export function watchCanaries(): void {
  const { defineProperty } = Object
  Object.defineProperty = <T>(target: T, name: PropertyKey, descriptor: PropertyDescriptor & ThisType<unknown>): T => {
    if (name === BRAND) shown.add(target)
    return defineProperty(target, name, descriptor)
  }
  for (const level of ['debug', 'error', 'info', 'log', 'warn'] as const) {
    // biome-ignore lint/suspicious/noConsole: what is printed is what is watched
    const print = console[level]
    console[level] = (...words: unknown[]) => {
      shown.add(words)
      print.apply(console, words)
    }
  }
  vi.doMock(import('../../src/events.js'), async (original) => {
    const events = await original()
    const emit = (onEvent: OnEvent | undefined, event: MediaEvent): void => {
      // As it leaves, whether somebody hears it or not.
      events.emit((left) => {
        shown.add(left)
        return onEvent?.(left)
      }, event)
    }
    return { ...events, emit }
  })
}

/** The texts with a canary in them among what was noted, which is then forgotten. */
export function takeSinging(): string[] {
  const texts = new Set([...shown].flatMap(textsOf))
  shown.clear()
  return [...texts].filter((text) => CANARIES.find(text).length > 0)
}
