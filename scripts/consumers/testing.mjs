// The tests of docs/testing.md, cut out of the packed page and run as they stand: by Vitest, Jest in CommonJS, node:test,
// and with both msw that are supported.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { at, manifest, twoAtATime } from './tools.mjs'

/** The heading of each block, and the file that it becomes. */
const BLOCKS = {
  'With Vitest': 'whole.vitest.ts',
  'With Jest': 'whole.jest.js',
  'With node:test': 'whole.node.mjs',
  'Failures, without the waits': 'failures.vitest.ts',
  'Without a server': 'forms.vitest.ts',
}
const JEST = 'jest@30.5.2'
const MSW = ['2.15.0', '3.0.5']
/** msw 3 needs Node 22.12 or newer. */
const NODE = '22.23.3'

export async function checkTesting(tools) {
  const { check, node, project, report, run } = tools
  const fields = { type: 'commonjs' }
  const [first, second, newer] = await Promise.all([
    project('testing', [...at('vitest'), JEST, `msw@${MSW[0]}`], { programs: ['testing'], fields }),
    project('testing-msw-3', [...at('vitest'), `msw@${MSW[1]}`], { programs: ['testing'], fields }),
    node(NODE),
  ])
  const page = readFileSync(join(first, 'node_modules', manifest.name, 'docs', 'testing.md'), 'utf8')
  for (const [heading, file] of Object.entries(BLOCKS)) {
    const code = cutBlock(page, heading)
    report(`docs/testing.md has a test under "${heading}"`, code !== undefined, page.slice(0, 500))
    for (const cwd of [first, second]) writeFileSync(join(cwd, file), code ?? '')
  }
  const vitest = (bin, cwd, ...files) => [bin, [join('node_modules', 'vitest', 'vitest.mjs'), 'run', ...files], { cwd }]
  const own = process.execPath
  await twoAtATime([
    () => check('Vitest', ...vitest(own, first, 'whole', 'failures')),
    () => check('Jest, CommonJS', 'npx', ['--no-install', 'jest', '--testMatch', '**/whole.jest.js'], { cwd: first }),
    () => check('node:test', own, ['--test', 'whole.node.mjs'], { cwd: first }),
    () => check(`msw ${MSW[0]}, and a fetch`, ...vitest(own, first, 'forms')),
    () => check(`msw ${MSW[1]} on Node ${NODE}, and a fetch`, ...vitest(newer, second, 'forms')),
  ])
  const versions = await run('npm', ['ls', 'msw', '--parseable', '--long'], { cwd: second })
  report(`msw ${MSW[1]} is what runs`, versions.stdout.includes(`msw@${MSW[1]}`), versions.output)
}

/** The first block of code below a heading of the page. */
function cutBlock(page, heading) {
  const [, section = ''] = page.split(`\n## ${heading}\n`)
  return /^```[jt]s\n([\s\S]*?)^```$/m.exec(section.split('\n## ')[0])?.[1]
}
