// Every entry on the oldest and newest Node as ES module and CommonJS, and from the oldest and newest TypeScript in every
// module resolution; each with the AWS SDK and without. The command line, through npx.
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { at, manifest, twoAtATime } from './tools.mjs'

const NODE_VERSIONS = ['20.19.0', '22.23.3', '24.21.0', '26.10.0']
const TYPESCRIPT_VERSIONS = ['5.4.5', '5.9.3', '6.0.3', '7.0.2']
const [BIN] = Object.keys(manifest.bin)

export async function checkEntries(tools) {
  const { check, project, report, run } = tools
  const compilers = TYPESCRIPT_VERSIONS.map((version) => `typescript-${version}@npm:typescript@${version}`)
  const sdk = at(
    ...Object.keys(manifest.peerDependencies).filter((name) => /^(?:@aws-sdk\/|bullmq$|ioredis$)/.test(name)),
  )
  const types = at('@types/node')
  const bare = await project('bare', [...types, ...compilers], { programs: ['entries'] })
  const full = await project('full', [...types, ...sdk], { programs: ['entries'] })

  const tree = await run('npm', ['ls', '--all', '--parseable', '@aws-sdk/client-s3'], { cwd: bare })
  report('an app without S3 gets no AWS SDK', !tree.stdout.includes('client-s3'), tree.output)
  await check('an app with S3 has one client-s3', 'npm', ['ls', '--all', '--parseable', '@aws-sdk/client-s3'], {
    cwd: full,
    expect: (stdout) => stdout.trim().split('\n').length === 1,
  })
  await check('npx --help', 'npx', ['--no-install', BIN, '--help'], {
    cwd: bare,
    expect: (stdout) => stdout.includes('demo'),
  })
  await check('npx demo', 'npx', ['--no-install', BIN, 'demo'], { cwd: bare })
  await twoAtATime([
    ...NODE_VERSIONS.map((version) => () => checkNode(tools, { version, bare, full })),
    ...TYPESCRIPT_VERSIONS.map((version) => () => checkTypeScript(tools, { version, bare, full })),
    () => checkStrictest(tools, { bare, packages: [...types, ...sdk] }),
  ])
}

/** On one Node: each module system, with the SDK and without, and the command line. */
async function checkNode({ check, node }, { version, bare, full }) {
  const bin = await node(version)
  await check(`Node ${version} is what runs`, bin, ['--version'], {
    expect: (stdout) => stdout.trim() === `v${version}`,
  })
  for (const [kind, cwd] of [
    ['without the SDK', bare],
    ['with the SDK', full],
  ]) {
    const entries = kind === 'with the SDK' ? ['storage/s3', 'queues/sqs', 'queues/bullmq', 'media-ids/redis'] : []
    await check(`Node ${version}, ES module, ${kind}`, bin, ['--throw-deprecation', 'run.mjs', ...entries], { cwd })
    await check(`Node ${version}, CommonJS, ${kind}`, bin, ['--throw-deprecation', 'run.cjs', ...entries], { cwd })
  }
  const cli = join('node_modules', manifest.name, manifest.bin[BIN])
  await check(`Node ${version}, command line`, bin, [cli, '--version'], {
    cwd: bare,
    expect: (stdout) => stdout.includes(manifest.version),
  })
  await check(`Node ${version}, the command send`, bin, ['send.mjs', cli], {
    cwd: bare,
    expect: (stdout) => stdout === 'sent\n',
  })
}

/** [module, moduleResolution, the extensions that give every module system its turn] */
const RESOLUTIONS = [
  ['node16', 'node16', ['mts', 'cts']],
  ['nodenext', 'nodenext', ['mts', 'cts']],
  ['esnext', 'bundler', ['ts']],
  // Gone with TypeScript 6; it finds the entry points by `typesVersions`.
  ['commonjs', 'node10', ['ts']],
]

async function checkTypeScript({ check }, { version, bare, full }) {
  for (const [module, moduleResolution, extensions] of RESOLUTIONS) {
    if (moduleResolution === 'node10' && Number.parseInt(version, 10) >= 6) continue
    for (const [kind, cwd, program] of [
      ['without the SDK', bare, 'types-bare'],
      ['with the SDK', full, 'types'],
    ]) {
      const files = extensions.map((extension) => `${program}-${version}-${moduleResolution}.${extension}`)
      for (const file of files) cpSync(join(cwd, `${program}.ts`), join(cwd, file))
      const config = `tsconfig-${version}-${moduleResolution}.json`
      const compilerOptions = {
        ...{ module, moduleResolution, target: 'es2022', lib: ['es2022'], types: ['node'], noEmit: true },
        ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false },
      }
      writeFileSync(join(cwd, config), JSON.stringify({ compilerOptions, files }))
      const tsc = join(bare, 'node_modules', `typescript-${version}`, 'bin', 'tsc')
      await check(`TypeScript ${version}, ${moduleResolution}, ${kind}`, process.execPath, [tsc, '-p', config], { cwd })
    }
  }
}

const STRICTEST = {
  ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noImplicitOverride: true },
  ...{ noPropertyAccessFromIndexSignature: true, noImplicitReturns: true, noFallthroughCasesInSwitch: true },
  ...{ noUnusedLocals: true, noUnusedParameters: true, isolatedModules: true, verbatimModuleSyntax: true },
}

/** The examples, and a program whose every setting may be undefined, under the strictest flags. */
async function checkStrictest({ check, project }, { bare, packages }) {
  const own = at('express', '@types/express', 'mongoose')
  const cwd = await project('strictest', [...packages, ...own], { programs: ['entries'] })
  cpSync('examples', join(cwd, 'examples'), { recursive: true, filter: (path) => !/infra|nest/.test(path) })
  const compilerOptions = {
    ...{ module: 'nodenext', target: 'es2022', lib: ['es2023'], types: ['node'], noEmit: true },
    ...STRICTEST,
    // Those of mongoose and the AWS SDK are not this project's.
    skipLibCheck: true,
  }
  writeFileSync(
    join(cwd, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, include: ['types-exact.ts', 'examples'] }),
  )
  for (const version of ['5.9.3', '7.0.2']) {
    const tsc = join(bare, 'node_modules', `typescript-${version}`, 'bin', 'tsc')
    await check(`TypeScript ${version}, the strictest flags`, process.execPath, [tsc, '-p', '.'], { cwd })
  }
}
