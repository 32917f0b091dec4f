// Every test runner in each of its forms: the README's test, an archive over HTTP, an object in S3, and the conformance
// suites, in the realm that the runner makes. And what the entries load before anything is needed.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { at, twoAtATime } from './tools.mjs'

const RUNNERS = ['jest@30.5.2', 'jest-environment-jsdom@30.5.2', 'ts-jest@29.4.15', 'mocha@12.0.3', 'jsdom@26.1.0']

const VITEST = ['node_modules/vitest/vitest.mjs', 'run', '--globals', '--testTimeout', '60000']

/** [name, the arguments of node]. All end by force: what a failed case leaves open must not hold the check up. */
const FORMS = [
  ['Jest, CommonJS', ['node_modules/jest/bin/jest.js', '--config', 'jest.commonjs.json']],
  ['Jest, ts-jest', ['node_modules/jest/bin/jest.js', '--config', 'jest.typescript.json']],
  ['Jest, ES module', ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--config', 'jest.esmodule.json']],
  ["Jest's jsdom is refused in words", ['node_modules/jest/bin/jest.js', '--config', 'jest.jsdom.json']],
  ...['threads', 'forks', 'vmThreads'].map((pool) => [
    `vitest, ${pool}`,
    [...VITEST, '--pool', pool, 'suite.test.mjs'],
  ]),
  ['vitest, jsdom', [...VITEST, '--environment', 'jsdom', 'readme.test.mjs']],
  ['node:test, CommonJS', ['--test', '--test-force-exit', 'suite.test.cjs']],
  ['node:test, ES module', ['--test', '--test-force-exit', 'suite.test.mjs']],
  ['Mocha, CommonJS', ['node_modules/mocha/bin/mocha.js', '--exit', '--timeout', '60000', 'suite.test.cjs']],
  ['Mocha, ES module', ['node_modules/mocha/bin/mocha.js', '--exit', '--timeout', '60000', 'suite.test.mjs']],
  ['require loads no AWS package and no HTTP module early', ['lazy.cjs', 'require']],
  ['import loads no AWS package and no HTTP module early', ['lazy.cjs', 'import']],
]

export async function checkRunners({ check, project }) {
  const packages = at('vitest', 'typescript', '@types/node', '@aws-sdk/client-s3', '@aws-sdk/s3-request-presigner')
  const cwd = await project('runners', [...RUNNERS, ...packages], { programs: ['runners', 'doubles'], fields: {} })
  writeReadme(cwd)
  await twoAtATime(
    FORMS.map(
      ([name, args]) =>
        () =>
          check(name, process.execPath, args, { cwd }),
    ),
  )
}

/** The README's test of an app, as a function in each module system. */
function writeReadme(cwd) {
  const [, block] = /^## Test your app\n```ts\n([\s\S]*?)```/m.exec(readFileSync('README.md', 'utf8'))
  const lines = block.trim().split('\n')
  const imports = lines.filter((line) => line.startsWith('import ')).join('\n')
  const body = lines.filter((line) => !line.startsWith('import ')).join('\n')
  const requires = imports.replace(/^import (.*) from (.*)$/gm, 'const $1 = require($2)')
  writeFileSync(join(cwd, 'readme.cjs'), `${requires}\nexports.testReadme = async () => {\n${body}\n}\n`)
  for (const name of ['readme.mjs', 'readme-typed.ts']) {
    writeFileSync(join(cwd, name), `${imports}\nexport async function testReadme() {\n${body}\n}\n`)
  }
}
