// The loop of one who works here: lint, types, the laws of src/, and the tests that what changed can reach. One line for a
// step that passes, its whole output for the one that fails.
//   npm run check            changes that are not committed
//   npm run check -- main    what this branch changes since main
import { spawnSync } from 'node:child_process'

const since = process.argv[2] ?? 'HEAD'
const STEPS = [
  ['lint', 'node_modules/@biomejs/biome/bin/biome', 'check', '.'],
  ['types', 'node_modules/typescript7/bin/tsc', '-p', '.'],
  ['layers', 'node_modules/vitest/vitest.mjs', 'run', '--project', 'unit', 'test/package/layers'],
  ['tests', 'node_modules/vitest/vitest.mjs', 'run', '--project', 'unit', '--changed', since, '--passWithNoTests'],
]

for (const [name, ...args] of STEPS) {
  const begin = performance.now()
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1e8 })
  const seconds = `${((performance.now() - begin) / 1000).toFixed(1)} s`
  const tests = / Tests .*?(\d+ passed)/.exec(stdout)?.[1] ?? ''
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${seconds.padStart(7)}  ${name} ${tests}`.trimEnd())
  if (status !== 0) {
    console.log(`${stdout}${stderr}`)
    process.exit(1)
  }
}
