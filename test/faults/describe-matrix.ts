import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startLoopback } from '../loopback.js'
import { type Cell, cellsOf, createMatrix, type Matrix } from './cells.js'
import { type CellResult, expectedResult, type FaultTarget, runCells } from './matrix.js'

export interface MatrixRun {
  matrix: Matrix
  cells: readonly Cell[]
  /** In the order of the cells; empty until they have run. */
  results: readonly CellResult[]
}

/** Runs all cells against a store, at once, and has one test for each. */
export async function describeMatrix(
  target: FaultTarget,
  options: { leaveOut?: (cell: Cell) => boolean } = {},
): Promise<MatrixRun> {
  const { leaveOut = () => false } = options
  const foreign = await startLoopback((_request, response) => response.end())
  const matrix = createMatrix(foreign.origin)
  const cells = cellsOf(matrix).filter((cell) => !leaveOut(cell))
  const run: MatrixRun = { matrix, cells, results: [] }

  describe('archiveMedia under every fault', () => {
    beforeAll(async () => {
      // No back-off: what is tested is that attempts follow each other, not how long they wait.
      const random = vi.spyOn(Math, 'random').mockReturnValue(0)
      run.results = await runCells(cells, target)
      random.mockRestore()
    }, 240_000)
    afterAll(() => foreign.close())

    it.each([...cells.entries()].map(([index, cell]) => ({ index, cell, ...cell })))(
      'comes to its end: $phase, $name, $frequency',
      ({ index, cell }) => {
        expect(run.results[index]).toEqual(expectedResult(cell))
      },
    )

    it('never asks a host that a redirect names', () => {
      expect(foreign.requests).toEqual([])
    })
  })
  return run
}
