import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createFinishedEntries } from '../../../src/cli/backfill/finished-entries.js'

const CHECK = 2 ** 40 - 1

it('createFinishedEntries knows the entries that were added, and no others', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(5_000)), (places) => {
      const finished = createFinishedEntries()
      for (const place of places) expect(finished.add(place, CHECK - place)).toBe(true)
      for (const place of places) expect(finished.add(place, 1)).toBe(false)
      expect(finished.left()).toBe(places.length)
      const taken = Array.from({ length: 5_001 }, (_, place) => place).filter((place) =>
        finished.take(place, CHECK - place),
      )
      expect(taken).toEqual(places.sort((one, other) => one - other))
      expect(finished.left()).toBe(0)
    }),
  )
})

it('createFinishedEntries recognises another input by its block', () => {
  const finished = createFinishedEntries()
  for (const [place, check] of [
    [0, 10],
    [5, 20],
    [1_024, 30],
  ] as const) {
    finished.add(place, check)
  }
  expect(finished.take(0, 11)).toBe(true)
  expect([finished.isAwaited(1), finished.isAwaited(1_023), finished.isAwaited(2_048)]).toEqual([true, true, false])
  expect(finished.take(1, 99)).toBe(false)
  expect(() => finished.take(5, 20)).toThrow(RangeError)
  expect(finished.take(1_024, 30)).toBe(true)
  expect(finished.isAwaited(1_024)).toBe(false)
})

it('createFinishedEntries adds up a full block of the largest checks exactly', () => {
  const finished = createFinishedEntries()
  for (let place = 0; place < 1_024; place++) finished.add(place, CHECK)
  for (let place = 0; place < 1_023; place++) finished.take(place, CHECK)
  expect(() => finished.take(1_023, CHECK - 1)).toThrow(RangeError)
})
