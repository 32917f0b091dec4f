import { expect, it } from 'vitest'
import { createRate } from '../../src/cli/rate.js'

it('createRate tells how fast a count grew in the last seconds', () => {
  let [now, count] = [1_000_000, 500]
  const rate = createRate(
    () => count,
    () => now,
  )
  expect(rate.perSecond()).toBe(0)
  now += 100
  count += 10
  expect(rate.perSecond()).toBe(100)
  for (let second = 0; second < 60; second++) {
    now += 1_000
    count += 7
    rate.perSecond()
  }
  expect(rate.perSecond()).toBe(7)
  for (let second = 0; second < 20; second++) {
    now += 1_000
    rate.perSecond()
  }
  expect(rate.perSecond()).toBe(0)
})
