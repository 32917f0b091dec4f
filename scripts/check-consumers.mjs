// Packs the library and uses the tarball as strangers do. The parts are in scripts/consumers/, the programs that run in
// test/package/consumers/. `npm run check:consumers -- entries package` tries these parts alone.
import { checkEntries } from './consumers/entries.mjs'
import { checkFrameworks } from './consumers/frameworks.mjs'
import { checkInstalls } from './consumers/installs.mjs'
import { checkLambda } from './consumers/lambda.mjs'
import { checkNest } from './consumers/nest.mjs'
import { checkPackage } from './consumers/package.mjs'
import { checkProxies } from './consumers/proxies.mjs'
import { checkRunners } from './consumers/runners.mjs'
import { checkRuntimes } from './consumers/runtimes.mjs'
import { checkTesting } from './consumers/testing.mjs'
import { createTools, twoAtATime } from './consumers/tools.mjs'
import { checkWorkers } from './consumers/workers.mjs'

const PARTS = {
  package: checkPackage,
  entries: checkEntries,
  installs: checkInstalls,
  runners: checkRunners,
  runtimes: checkRuntimes,
  lambda: checkLambda,
  frameworks: checkFrameworks,
  nest: checkNest,
  testing: checkTesting,
  proxies: checkProxies,
  workers: checkWorkers,
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PARTS)
const unknown = wanted.filter((part) => !Object.hasOwn(PARTS, part))
if (unknown.length > 0) {
  console.error(`no part is named ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}`)
  process.exit(2)
}

const tools = createTools()
try {
  const packed = await tools.pack()
  console.log(`${packed.filename}: ${packed.files.length} files, ${packed.size} bytes, unpacked ${packed.unpackedSize}`)
  await twoAtATime(
    wanted.map((part) => async () => {
      const begin = Date.now()
      try {
        await PARTS[part](tools, packed)
      } catch (error) {
        tools.report(`${part} could not be tried`, false, error.stack)
      }
      console.log(`---- ${part}: ${Math.round((Date.now() - begin) / 1000)} s`)
    }),
  )
} finally {
  tools.remove()
}
if (tools.skips() > 0) console.log(`${tools.skips()} checks were not tried here`)
console.log(tools.failures() === 0 ? 'every consumer works' : `${tools.failures()} checks failed`)
process.exit(tools.failures() === 0 ? 0 : 1)
