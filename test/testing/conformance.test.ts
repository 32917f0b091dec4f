import { expect, it } from 'vitest'
import { runCase } from '../../src/testing/conformance.js'

const never = () => new Promise<void>(() => {})

it('runCase cleans up after a check', async () => {
  const steps: string[] = []
  const step = (name: string) => async () => void steps.push(name)
  await runCase({ subject: 'queue', limitMs: 1_000, check: step('check'), cleanUp: step('clean up') })
  expect(steps).toEqual(['check', 'clean up'])
})

it('runCase rejects with the broken rule, and not with a failure to clean up after it', async () => {
  const broken = new Error('broken')
  const fails = () => Promise.reject(new Error('clean-up'))
  const failed = runCase({ subject: 'queue', limitMs: 1_000, check: () => Promise.reject(broken), cleanUp: fails })
  await expect(failed).rejects.toBe(broken)
  await expect(runCase({ subject: 'queue', limitMs: 1_000, check: async () => {}, cleanUp: fails })).rejects.toThrow(
    'clean-up',
  )
})

it.each([
  ['a check', never, async () => {}],
  ['a clean-up', async () => {}, never],
  ['both', never, never],
])('runCase limits the time of %s', async (_name, check, cleanUp) => {
  const failed = runCase({ subject: 'storage', limitMs: 5, check, cleanUp })
  await expect(failed).rejects.toThrow('The storage did not settle within 5 ms')
})
