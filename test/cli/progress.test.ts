import { expect, it, vi } from 'vitest'
import { createProgress } from '../../src/cli/progress.js'

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

it('createProgress draws a bar, its share and the rate, and takes the bar away', () => {
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
