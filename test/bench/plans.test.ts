import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { judge } from '../../bench/bounds.js'
import { PIPELINES } from '../../bench/pipelines.js'
import { fullPlans, type Plans, shortPlans } from '../../bench/plans.js'
import type { TransferPlan } from '../../bench/transfers.js'
import { sampleResults } from './results-sample.js'

const cellsOf = ({ transfers }: Plans): [number, number][] => transfers.map((plan) => [plan.size, plan.concurrency])
const namesOf = (plans: readonly TransferPlan[]): string[] => plans.flatMap(({ pipelines }) => pipelines)

describe('fullPlans', () => {
  const plans = fullPlans()

  it('measures every size at every concurrency, in 7 rounds, and 3 from 100 MB on', () => {
    const sizes = [100_000, 1_000_000, 16_000_000, 100_000_000]
    expect(cellsOf(plans)).toEqual(sizes.flatMap((size) => [1, 8, 32].map((concurrency) => [size, concurrency])))
    for (const { size, rounds } of plans.transfers) expect(rounds).toBe(size < 100_000_000 ? 7 : 3)
  })

  it('has work for every transfer at once', () => {
    for (const { objects, concurrency } of [...plans.transfers, ...plans.memory, ...plans.latency, ...plans.uploads]) {
      expect(objects).toBeGreaterThanOrEqual(concurrency)
    }
  })

  it('measures every pipeline, and names none that does not exist', () => {
    const names = PIPELINES.map(({ name }) => name)
    expect(new Set(namesOf([...plans.transfers, ...plans.memory, ...plans.latency, ...plans.uploads]))).toEqual(
      new Set(names),
    )
    for (const name of names) expect(existsSync(`bench/pipelines/${name}.mjs`)).toBe(true)
  })

  it('does fewer rounds when asked, never more', () => {
    const few = fullPlans({ rounds: 1 })
    expect(new Set([...few.transfers, ...few.memory, ...few.latency].map(({ rounds }) => rounds))).toEqual(new Set([1]))
    expect(fullPlans({ rounds: 99 }).transfers[0]?.rounds).toBe(7)
  })

  it('measures all that bounds are set on', () => {
    const cells = [...plans.transfers, ...plans.latency].map(({ size, concurrency }) => `${size} ${concurrency}`)
    const { transfers, latency, uploads } = sampleResults()
    const kinds = plans.uploads.map(({ kind, isPlain }) => `${kind} ${isPlain}`)
    for (const { source, isPlain } of uploads?.cells ?? []) expect(kinds).toContain(`${source} ${isPlain}`)
    for (const { size, concurrency } of [...transfers, ...latency.cells])
      expect(cells).toContain(`${size} ${concurrency}`)
  })
})

describe('shortPlans', () => {
  it('measures what the gate looks at', () => {
    const plans = shortPlans()
    const { transfers, uploads: _uploads, ...results } = sampleResults()
    const measured = transfers.filter(({ size, concurrency }) =>
      cellsOf(plans).some((cell) => cell[0] === size && cell[1] === concurrency),
    )
    const none = { memory: [], latency: { roundTripMs: 0, cells: [] }, signing: { urls: 0, rows: [] }, start: [] }
    expect(judge({ ...results, ...none, transfers: measured })).toHaveLength(4)
    expect(new Set(namesOf(plans.transfers))).toEqual(new Set(['ours', 'fetch-buffer', 'raw-proxy']))
  })
})
