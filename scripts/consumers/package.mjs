// The tarball itself: what it holds, and that nothing runs when it is installed.
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PUBLISHED } from '../published-manifest.mjs'
import { manifest } from './tools.mjs'

const DOCUMENTS = [
  ...['README.md', 'LICENSE', 'CHANGELOG.md', 'THIRD-PARTY-NOTICES.md'],
  ...['SECURITY.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md'],
]
const MAX_MAP_BYTES = 1_000_000

export async function checkPackage(tools, packed) {
  const { report } = tools
  const paths = packed.files.map(({ path }) => path)
  const targets = [manifest.main, manifest.module, manifest.types, ...Object.values(manifest.bin)]
  const samples = readdirSync('samples').map((name) => `samples/${name}`)
  const entries = [...targets, ...leaves(manifest.exports)].map((path) => path.replace(/^\.\//, ''))
  const missing = [...entries, ...samples, ...DOCUMENTS].filter((path) => !paths.includes(path))
  report('the tarball has every entry, the samples and the documents', missing.length === 0, `missing: ${missing}`)
  const stray = paths.filter(
    (path) => !/^(?:dist|samples|docs|examples)\//.test(path) && ![...DOCUMENTS, 'package.json'].includes(path),
  )
  report('the tarball has nothing else', stray.length === 0, `stray: ${stray}`)
  const scripts = Object.keys(manifest.scripts).filter((name) =>
    /^(?:pre|post)?(?:install|prepare|uninstall)$/.test(name),
  )
  report('nothing runs at installation', scripts.length === 0, `scripts: ${scripts}`)
  const maps = packed.files.filter(({ path }) => path.endsWith('.map')).reduce((sum, { size }) => sum + size, 0)
  report('source maps stay below 1 MB', maps < MAX_MAP_BYTES, `${maps} bytes`)
  await checkManifest(tools)
}

/** `npm pack` and `npm publish` strip the manifest, and leave the checkout as it was, when they fail, too. */
async function checkManifest({ check, folder, must, report }) {
  const cwd = folder('checkout')
  for (const path of ['package.json', 'README.md', 'scripts']) cpSync(path, join(cwd, path), { recursive: true })
  // The build is another check's.
  const written = { ...manifest, scripts: { ...manifest.scripts, build: 'node --version' } }
  writeFileSync(join(cwd, 'package.json'), JSON.stringify(written))
  const isUnchanged = () => readFileSync(join(cwd, 'package.json'), 'utf8') === JSON.stringify(written)
  const loud = { npm_config_loglevel: 'error', npm_config_audit: 'false' }

  const name = (await must('npm', ['pack', '--silent'], { cwd, env: loud })).trim().split('\n').at(-1)
  const packed = JSON.parse(await must('tar', ['xzOf', name, 'package/package.json'], { cwd }))
  const odd = Object.keys(packed).filter((field) => !PUBLISHED.includes(field))
  report('the packed manifest has no fields of development', odd.length === 0, `fields: ${odd}`)
  const told = ['homepage', 'bugs', 'repository'].filter((field) => packed[field] === undefined)
  report('the packed manifest says where the project lives', told.length === 0, `missing: ${told}`)
  report('npm pack leaves the checkout as it was', isUnchanged())
  await check('npm publish packs in the same way', 'npm', ['publish', '--dry-run', '--json'], { cwd, env: loud })
  report('npm publish leaves the checkout as it was', isUnchanged())
  await must('npm', ['pack', '--pack-destination', join(cwd, 'missing', 'folder')], { cwd }).then(
    () => report('npm pack into a folder that is not there fails', false),
    () => {},
  )
  for (let waits = 0; waits < 500 && !isUnchanged(); waits++) await new Promise((resolve) => setTimeout(resolve, 20))
  report('a pack that fails leaves the checkout as it was', isUnchanged())
}

function leaves(tree) {
  return typeof tree === 'string' ? [tree] : Object.values(tree).flatMap(leaves)
}
