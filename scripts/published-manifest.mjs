// The package.json that is packed: the checkout's, without the fields that only development reads.
//   node scripts/published-manifest.mjs strip NPM_PID   before npm packs (`prepack`)
//   node scripts/published-manifest.mjs restore         after it (`postpack`)
//   node scripts/published-manifest.mjs guard NPM_PID   strip starts it
// npm packs the file as it lies on the disk. A pack that fails runs no `postpack`, so a guard waits for npm's end.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Of package.json: what npm, a bundler or a reader of the package's page makes use of. */
export const PUBLISHED = [
  ...['name', 'version', 'description', 'keywords', 'license', 'homepage', 'bugs', 'repository'],
  ...['type', 'engines', 'sideEffects', 'main', 'module', 'types', 'bin', 'exports', 'typesVersions', 'files'],
  ...['dependencies', 'peerDependencies', 'peerDependenciesMeta'],
]

const root = new URL('../', import.meta.url)
const manifest = fileURLToPath(new URL('package.json', root))
const temp = fileURLToPath(new URL('temp/', root))
const original = `${temp}package.json`

export function strip() {
  restore()
  const text = readFileSync(manifest, 'utf8')
  const fields = JSON.parse(text)
  const published = Object.fromEntries(Object.entries(fields).filter(([name]) => PUBLISHED.includes(name)))
  mkdirSync(temp, { recursive: true })
  writeFileSync(original, text)
  writeFileSync(manifest, `${JSON.stringify(published, undefined, 2)}\n`)
}

export function restore() {
  if (existsSync(original)) renameSync(original, manifest)
}

/** Waits until the file was restored, or npm is gone without having done it. */
async function guard(pid) {
  while (existsSync(original) && isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20))
  restore()
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, script, command, pid] = process.argv
  if (command === 'strip') {
    strip()
    if (Number(pid) > 1) {
      spawn(process.execPath, [script, 'guard', pid], { cwd: temp, detached: true, stdio: 'ignore' }).unref()
    }
  } else if (command === 'restore') restore()
  else if (command === 'guard') await guard(Number(pid))
  else throw new Error(`strip, restore or guard, not ${command}`)
}
