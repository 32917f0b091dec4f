import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createOrder } from '../../../src/queues/in-process/order.js'

describe('createOrder', () => {
  it('gives nothing where there is nothing', () => {
    const order = createOrder<{ place: number }>()
    expect(order.take()).toBeUndefined()
    order.put({ place: 1 })
    expect([order.take(), order.take()]).toEqual([{ place: 1 }, undefined])
  })

  it('always takes the lowest place of those that are in', () => {
    const step = fc.oneof(fc.constant('take' as const), fc.nat(50))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const order = createOrder<{ place: number }>()
        const expected: number[] = []
        for (const each of [...steps, ...steps.map(() => 'take' as const)]) {
          if (each === 'take') expect(order.take()?.place).toBe(expected.sort((one, other) => one - other).shift())
          else {
            order.put({ place: each })
            expected.push(each)
          }
        }
      }),
    )
  })
})
