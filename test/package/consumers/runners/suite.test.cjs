// Jest in its default form, Mocha, and node:test, whose `it` is no global.
const createCases = require('./cases.cjs')
const entries = require('./load.cjs')
const { testReadme } = require('./readme.cjs')

const { it } = globalThis.it === undefined ? require('node:test') : globalThis

it("the README's test of an app", testReadme)
for (const [name, run] of createCases(entries)) it(name, run)
