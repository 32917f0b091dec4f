// Reads vitest's JSON report, lists what did not pass, and closes with one plain line of counts.
// Fails on a failed test, on a file that did not load, on a skipped test without a reason below, and on an empty report.
//   node scripts/count-tests.mjs temp/tests.json
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'

/** Full names of tests that may be skipped, each with its reason. */
const MAY_SKIP = new Map([])

const [, , path] = process.argv
const report = JSON.parse(readFileSync(path, 'utf8'))
const tests = report.testResults.flatMap(({ name, assertionResults }) =>
  assertionResults.map(({ fullName, status }) => ({ file: relative('.', name), name: fullName, status })),
)
const passed = tests.filter(({ status }) => status === 'passed')
const failed = tests.filter(({ status }) => status === 'failed')
// vitest says skipped, pending or todo; whatever is neither passed nor failed did not run.
const skipped = tests.filter(({ status }) => status !== 'passed' && status !== 'failed')
const notAllowed = skipped.filter(({ name }) => !MAY_SKIP.has(name))
const notLoaded = report.testResults.filter(
  ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
)

for (const { file, name } of failed) console.log(`failed: ${file} > ${name}`)
for (const { file, name } of skipped)
  console.log(`skipped: ${file} > ${name}${MAY_SKIP.has(name) ? ` (${MAY_SKIP.get(name)})` : ''}`)
for (const { name, message } of notLoaded) console.log(`did not load: ${relative('.', name)}: ${message}`)
console.log(`tests: ${passed.length} passed, ${failed.length + notLoaded.length} failed, ${skipped.length} skipped`)
process.exit(passed.length > 0 && failed.length + notLoaded.length + notAllowed.length === 0 ? 0 : 1)
