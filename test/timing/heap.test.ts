import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createHeap, type Heap } from '../../src/timing/heap.js'

const create = (): Heap<{ place: number }> => createHeap((one, other) => one.place < other.place)

describe('createHeap', () => {
  it('gives nothing where there is nothing', () => {
    const heap = create()
    expect(heap.take()).toBeUndefined()
    heap.put({ place: 1 })
    expect([heap.take(), heap.take()]).toEqual([{ place: 1 }, undefined])
  })

  it('always takes the lowest place of those that are in', () => {
    const step = fc.oneof(fc.constant('take' as const), fc.nat(50))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const heap = create()
        const expected: number[] = []
        for (const each of [...steps, ...steps.map(() => 'take' as const)]) {
          if (each === 'take') expect(heap.take()?.place).toBe(expected.sort((one, other) => one - other).shift())
          else {
            heap.put({ place: each })
            expected.push(each)
          }
        }
      }),
    )
  })
})
