// The tarball itself: what it holds, and that nothing runs when it is installed.
import { readdirSync } from 'node:fs'
import { manifest } from './tools.mjs'

const DOCUMENTS = ['README.md', 'LICENSE', 'CHANGELOG.md', 'THIRD-PARTY-NOTICES.md']

export async function checkPackage({ report }, packed) {
  const paths = packed.files.map(({ path }) => path)
  const targets = [manifest.main, manifest.module, manifest.types, ...Object.values(manifest.bin)]
  const samples = readdirSync('samples').map((name) => `samples/${name}`)
  const entries = [...targets, ...leaves(manifest.exports)].map((path) => path.replace(/^\.\//, ''))
  const missing = [...entries, ...samples, ...DOCUMENTS].filter((path) => !paths.includes(path))
  report('the tarball has every entry, the samples and the documents', missing.length === 0, `missing: ${missing}`)
  const stray = paths.filter(
    (path) => !/^(?:dist|samples|docs)\//.test(path) && ![...DOCUMENTS, 'package.json'].includes(path),
  )
  report('the tarball has nothing else', stray.length === 0, `stray: ${stray}`)
  const scripts = Object.keys(manifest.scripts).filter((name) =>
    /^(?:pre|post)?(?:install|prepare|uninstall)$/.test(name),
  )
  report('nothing runs at installation', scripts.length === 0, `scripts: ${scripts}`)
}

function leaves(tree) {
  return typeof tree === 'string' ? [tree] : Object.values(tree).flatMap(leaves)
}
