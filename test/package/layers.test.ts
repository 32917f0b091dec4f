import { describe, expect, it } from 'vitest'
import { readModules } from './import-graph.js'
import { findBrokenLaws, findOfNames, MOST_OF_NAMES, MOST_SHARED_NAMES, measureSharedNames } from './laws.js'
import { brokenRules } from './layers.js'
import { readSources } from './sources.js'

/** The laws of ARCHITECTURE.md, by their numbers. `node scripts/count-names.mjs` lists who breaks them. */
describe('src', () => {
  const sources = readSources()

  it('has many files', () => {
    expect(sources.size).toBeGreaterThan(100)
  })

  it('1: has no cycle, no arrow upwards or behind a door, no stray vendor, environment or wire name', () => {
    expect(brokenRules(readModules(sources))).toEqual([])
  })

  it('2, 4, 5, 6, 7: has no repeated or empty name, nothing foreign on its ground, nothing too long, and orders its surface', () => {
    expect(findBrokenLaws(sources)).toEqual([])
  })

  it('3: has few functions named after what they are of', () => {
    expect(findOfNames(sources).length).toBeLessThanOrEqual(MOST_OF_NAMES)
  })

  it('4: defines few names in more than one file', () => {
    expect(measureSharedNames(sources).share).toBeLessThan(MOST_SHARED_NAMES)
  })
})
