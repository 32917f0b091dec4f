import type { ConformanceCase } from '../src/testing/conformance.js'

/** Cases as rows of `it.each`, so that each is a test with its own name. */
export function toRows(cases: readonly ConformanceCase[]): [string, () => Promise<void>][] {
  return cases.map((one) => [one.name, () => one.run()])
}
