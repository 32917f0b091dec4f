import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { plot } from '../../bench/plot.js'
import { cellTable, report, verdictTable } from '../../bench/report.js'
import type { Results } from '../../bench/results.js'
import { sampleResults } from './results-sample.js'

describe('report', () => {
  it('is what docs/performance.md holds, and the plot too', () => {
    const results: Results = JSON.parse(readFileSync('bench/results.json', 'utf8'))
    expect(readFileSync('docs/performance.md', 'utf8')).toBe(report(results))
    expect(readFileSync('docs/performance.svg', 'utf8')).toBe(plot(results))
  })
})

describe('cellTable', () => {
  it('puts the cheapest first and counts in times of ours', () => {
    const [, cell] = sampleResults().transfers
    expect(cell).toBeDefined()
    const lines = cell === undefined ? [] : cellTable(cell).split('\n')
    expect(lines[0]).toBe('**100 KB, 8 at once** (7 rounds of 10)')
    expect(lines.slice(4).map((line) => line.split(' | ').slice(0, 4))).toEqual([
      [
        '| limit: raw TLS sockets that hash',
        '1.0588235294117647 (1.0588235294117647-1.0588235294117647)',
        '10.6',
        '0.59',
      ],
      ['| whatsapp-media-archive', '1.8 (1.8-1.8)', '18', '1.00'],
      ['| fetch → arrayBuffer → PutObject', '4 (4-4)', '40', '2.22'],
    ])
  })
})

describe('verdictTable', () => {
  it('says of each bound whether it is met', () => {
    const verdict = { what: 'it', bound: 2, kind: 'at most', unit: 'MB', isCpuRatio: false } as const
    const lines = verdictTable([
      { ...verdict, value: 1.23456, isMet: true },
      { ...verdict, value: 3, isMet: false },
    ]).split('\n')
    expect(lines.slice(2)).toEqual([
      '| it | 1.23 MB | at most 2 MB | met |',
      '| it | 3 MB | at most 2 MB | **not met** |',
    ])
  })
})
