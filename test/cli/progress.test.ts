import { expect, it, vi } from 'vitest'
import {
  buildBar,
  createProgress,
  createRate,
  createStatusLine,
  formatBytes,
  formatCount,
  formatDuration,
} from '../../src/cli/progress.js'

function createTerminal(facts: { isTTY?: boolean; columns?: number }) {
  const written: string[] = []
  return { ...facts, written, write: (text: string) => written.push(text) }
}

const barOf = (text: string | undefined) => /[█░]+/.exec(text ?? '')?.[0]

it('createProgress is silent where there is no terminal', () => {
  const terminal = createTerminal({})
  const progress = createProgress(terminal, 'video', 100)
  progress.update(50)
  progress.update(100)
  progress.end()
  expect(terminal.written).toEqual([])
})

it('createProgress draws a buildBar, its share and the rate, and takes the bar away', () => {
  vi.spyOn(Date, 'now').mockReturnValueOnce(1_000).mockReturnValue(2_000)
  const terminal = createTerminal({ isTTY: true })
  const progress = createProgress(terminal, 'video', 4_000_000)
  progress.update(1_000_000)
  progress.end()
  expect(terminal.written).toEqual([`\r\u001b[Kvideo ${'█'.repeat(8)}${'░'.repeat(22)} 25 % 1.0 MB/s`, '\r\u001b[K'])
})

it('createProgress draws at most every 80 ms, but always the end', () => {
  const now = vi.spyOn(Date, 'now').mockReturnValue(1_000)
  const terminal = createTerminal({ isTTY: true })
  const progress = createProgress(terminal, 'video', 100)
  progress.update(10)
  progress.update(20)
  expect(terminal.written).toHaveLength(1)
  now.mockReturnValue(1_079)
  progress.update(30)
  expect(terminal.written).toHaveLength(1)
  now.mockReturnValue(1_080)
  progress.update(40)
  expect(terminal.written[1]).toContain(' 40 %')
  progress.update(100)
  expect(terminal.written[2]).toContain(' 100 %')
})

it('createProgress shows an empty transfer, and one beyond its total, as complete', () => {
  for (const [total, done] of [
    [0, 0],
    [10, 25],
  ] as const) {
    const terminal = createTerminal({ isTTY: true })
    createProgress(terminal, 'audio', total).update(done)
    expect(barOf(terminal.written[0])).toBe('█'.repeat(30))
    expect(terminal.written[0]).toContain(' 100 %')
  }
})

it('createProgress fits the bar to the terminal, with 10 cells at least', () => {
  for (const [columns, cells] of [
    [20, 10],
    [53, 20],
    [300, 30],
  ] as const) {
    const terminal = createTerminal({ isTTY: true, columns })
    createProgress(terminal, 'video', 2).update(1)
    expect(barOf(terminal.written[0])).toHaveLength(cells)
  }
})

it('createStatusLine draws one line again and again, as wide as the terminal is, and lets others write above it', () => {
  vi.useFakeTimers()
  const terminal = createTerminal({ isTTY: true, columns: 10 })
  let state = 'a line too long for it'
  const status = createStatusLine(terminal, (columns) => `${columns} ${state}`)
  expect(terminal.written).toEqual(['\r\u001b[K9 a line '])
  state = 'b'
  vi.advanceTimersByTime(200)
  expect(terminal.written.at(-1)).toBe('\r\u001b[K9 b')
  status.around(() => terminal.write('above\n'))
  expect(terminal.written.slice(-3)).toEqual(['\r\u001b[K', 'above\n', '\r\u001b[K9 b'])
  status.end()
  expect(terminal.written.at(-1)).toBe('\r\u001b[K')
  const { length } = terminal.written
  vi.advanceTimersByTime(60_000)
  expect(terminal.written).toHaveLength(length)
  vi.useRealTimers()
})

it('createStatusLine takes a terminal without a width for 80 columns', () => {
  for (const size of [{}, { columns: 0 }]) {
    const terminal = createTerminal({ isTTY: true, ...size })
    createStatusLine(terminal, (columns) => String(columns)).end()
    expect(terminal.written[0]).toBe('\r\u001b[K79')
  }
})

it('createStatusLine logs a line every ten seconds where there is no terminal', () => {
  vi.useFakeTimers({ now: Date.parse('2026-11-22T10:00:00Z') })
  const terminal = createTerminal({})
  const status = createStatusLine(terminal, (columns) => `at ${columns}`)
  status.around(() => terminal.write('other\n'))
  vi.advanceTimersByTime(20_000)
  status.end()
  expect(terminal.written).toEqual([
    'other\n',
    '2026-11-22T10:00:10.000Z at undefined\n',
    '2026-11-22T10:00:20.000Z at undefined\n',
  ])
  vi.useRealTimers()
})

it('bar fills its cells, and no more', () => {
  expect([-1, 0, 0.5, 1, 2].map((ratio) => buildBar(ratio, 4))).toEqual(['░░░░', '░░░░', '██░░', '████', '████'])
})

it('formatCount, formatBytes and formatDuration are for people', () => {
  expect([0, 0.44, 9.96, 12.6, 12_345].map(formatCount)).toEqual(['0', '0.4', '10', '13', '12,345'])
  expect([0, 999, 1_000, 12_345_678, 9.87e9].map(formatBytes)).toEqual(['0 B', '999 B', '1.0 kB', '12.3 MB', '9.9 GB'])
  expect([0.2, 59, 61, 3_599, 3_600, 90_000].map(formatDuration)).toEqual([
    '1 s',
    '59 s',
    '1 min 1 s',
    '59 min 59 s',
    '1 h 0 min',
    '25 h 0 min',
  ])
})

it('createRate says how fast a count grew in the last seconds', () => {
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
