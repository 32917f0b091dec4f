import { describe, expect, it } from 'vitest'
import { judge, SLACK, tooDear, type Verdict } from '../../bench/bounds.js'
import { sampleResults } from './results-sample.js'

function verdict(what: string, value: number, isCpuRatio = true): Verdict {
  return { what, value, bound: 1, kind: 'at most', unit: '×', isMet: value <= 1, isCpuRatio }
}

describe('judge', () => {
  it('finds every bound met by results that are just good enough', () => {
    const verdicts = judge(sampleResults())
    expect(verdicts).toHaveLength(20)
    expect(verdicts.filter(({ isMet }) => !isMet)).toEqual([])
  })

  it('finds a dearer object, more memory and a slower rate', () => {
    const results = sampleResults()
    for (const { rows } of [...results.transfers, ...results.latency.cells]) {
      for (const row of rows.filter(({ pipeline }) => pipeline === 'ours')) {
        row.cpuMs *= 1.01
        row.objectsPerSecond *= 0.99
      }
    }
    for (const { rows } of results.uploads?.cells ?? []) {
      for (const row of rows) if (row.pipeline === 'uploads/ours') row.cpuMs *= 1.01
    }
    for (const { rows } of results.memory) for (const row of rows) row.aboveIdleMb += 1
    for (const row of results.signing.rows) if (row.way === 'ours') row.microsPerUrl *= 1.01
    for (const row of results.start) if (row.what === 'root' || row.what === 'first-url') row.cpuMs *= 1.01
    expect(judge(results).filter(({ isMet }) => isMet)).toEqual([])
  })

  it('says nothing of what was not measured', () => {
    const { transfers, uploads: _uploads, ...rest } = sampleResults()
    const empty = { memory: [], latency: { roundTripMs: 0, cells: [] }, signing: { urls: 0, rows: [] }, start: [] }
    expect(judge({ ...rest, ...empty, transfers: transfers.slice(1) }).map(({ bound }) => bound)).toEqual([
      0.45, 1.7, 0.5, 1.15,
    ])
  })
})

describe('tooDear', () => {
  it('names a CPU ratio that was over its bound by more than the slack in all tries', () => {
    const over = verdict('slow', SLACK + 0.01)
    expect(tooDear([[over], [over], [over]])).toEqual([over])
  })

  it('lets one try within the slack count, whichever it was', () => {
    const [over, within] = [verdict('noisy', SLACK + 1), verdict('noisy', SLACK)]
    for (const tries of [[within], [within, over], [over, within], [over, over, within]]) {
      expect(tooDear(tries.map((one) => [one]))).toEqual([])
    }
  })

  it('holds what was reached where the bound was not', () => {
    const better = { ...verdict('hard', 2.9), reached: 2 }
    const worse = { ...better, value: 3.1 }
    expect(tooDear([[better]])).toEqual([])
    expect(tooDear([[worse]])).toEqual([worse])
  })

  it('keeps the ratios apart', () => {
    const tries = [
      [verdict('a', 2), verdict('b', 1)],
      [verdict('a', 1), verdict('b', 2)],
    ]
    expect(tooDear(tries)).toEqual([])
  })

  it('leaves memory and rates alone', () => {
    expect(tooDear([[verdict('memory', 10, false)]])).toEqual([])
  })
})
