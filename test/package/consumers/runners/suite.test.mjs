// Jest with ES modules, vitest with globals, Mocha, and node:test, whose `it` is no global.
import createCases from './cases.cjs'
import * as entries from './load.mjs'
import { testReadme } from './readme.mjs'

const { it } = globalThis.it === undefined ? await import('node:test') : globalThis

it("the README's test of an app", testReadme)
for (const [name, run] of createCases(entries)) it(name, run)
