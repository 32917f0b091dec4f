import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createHeap } from '../../src/timing/heap.js'
import { createScheduler, type Scheduler } from '../../src/timing/scheduler.js'

interface Task {
  key: string
  place: number
}

let begun: number[]
let proceeded: number
const ends = new Map<number, () => void>()

beforeEach(() => {
  begun = []
  proceeded = 0
  ends.clear()
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const create = (concurrency = 1): Scheduler<Task> =>
  createScheduler<Task>({
    concurrency,
    createHeap: () => createHeap((one, other) => one.place < other.place),
    getKey: ({ key }) => key,
    run({ place }) {
      begun.push(place)
      return new Promise((resolve) => {
        ends.set(place, resolve)
      })
    },
    onProceed: () => proceeded++,
  })
const end = async (place: number): Promise<void> => {
  ends.get(place)?.()
  await vi.advanceTimersByTimeAsync(0)
}

describe('createScheduler', () => {
  it('begins nothing before its start, then the first tasks, so many at once', async () => {
    const scheduler = create(2)
    for (const place of [3, 1, 2]) scheduler.add({ key: `${place}`, place })
    scheduler.proceed()
    expect(begun).toEqual([])
    scheduler.start()
    expect(begun).toEqual([1, 2])
    expect(scheduler.running).toBe(2)
    await end(1)
    expect(begun).toEqual([1, 2, 3])
    expect(proceeded).toBe(3)
  })

  it('runs no two tasks with one key at once, and lets others pass', async () => {
    const scheduler = create(3)
    for (const [place, key] of ['a', 'a', 'a', 'b'].entries()) scheduler.add({ key, place })
    scheduler.start()
    expect(begun).toEqual([0, 3])
    await end(0)
    expect(begun).toEqual([0, 3, 1])
    scheduler.add({ key: 'a', place: 4 })
    await end(1)
    await end(2)
    expect(begun).toEqual([0, 3, 1, 2, 4])
  })

  it('takes a task in again after its wait', async () => {
    const scheduler = create()
    scheduler.start()
    scheduler.addLater({ key: 'a', place: 1 }, 1_000)
    expect(scheduler.waiting).toBe(1)
    await vi.advanceTimersByTimeAsync(999)
    expect(begun).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(begun).toEqual([1])
    expect(scheduler.waiting).toBe(0)
  })

  it('waits as long as timers can, where a delay is longer than that', async () => {
    const scheduler = create()
    scheduler.start()
    scheduler.addLater({ key: 'a', place: 1 }, Number.POSITIVE_INFINITY)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(begun).toEqual([])
  })

  it('begins nothing once it has stopped, and settles when all that ran has ended', async () => {
    const scheduler = create()
    scheduler.start()
    for (const place of [1, 2]) scheduler.add({ key: 'a', place })
    scheduler.proceed()
    scheduler.addLater({ key: 'b', place: 3 }, 5)
    scheduler.stop()
    scheduler.addLater({ key: 'c', place: 4 }, 5)
    scheduler.start()
    expect(vi.getTimerCount()).toBe(0)
    const settled = vi.fn()
    void scheduler.waitForAll().then(settled)
    await vi.advanceTimersByTimeAsync(10)
    expect(settled).not.toHaveBeenCalled()
    await end(1)
    expect(settled).toHaveBeenCalledTimes(1)
    expect(begun).toEqual([1])
  })
})
