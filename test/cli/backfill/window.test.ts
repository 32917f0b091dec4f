import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createWindow } from '../../../src/cli/backfill/window.js'

const NOW = 1_000
const drain = (endings: readonly number[]): { endsAt: number; place: number }[] => {
  const window = createWindow<{ endsAt: number; place: number }>(() => NOW)
  for (const [place, endsAt] of endings.entries()) window.put({ endsAt, place })
  expect(window.size).toBe(endings.length)
  return endings.map(() => window.take() ?? { endsAt: Number.NaN, place: -1 })
}

it('createWindow gives those with the least time left first, and last those whose time is over, the latest of them first', () => {
  const endings = [1_500, 900, 2_000, 1_000, 1_100, 300]
  expect(drain(endings).map(({ endsAt }) => endsAt)).toEqual([1_100, 1_500, 2_000, 1_000, 900, 300])
  expect(createWindow().take()).toBeUndefined()
})

it('createWindow keeps the order of equals, alive or not', () => {
  expect(drain([5_000, 5_000, 700, 5_000, 700]).map(({ place }) => place)).toEqual([0, 1, 3, 2, 4])
})

it('createWindow loses and doubles nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2_000)), (endings) => {
      const places = drain(endings).map(({ place }) => place)
      expect(places.sort((one, other) => one - other)).toEqual(endings.map((_, place) => place))
    }),
  )
})
