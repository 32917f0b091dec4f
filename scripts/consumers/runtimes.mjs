// The main job, the faults of downloads and the suites of storages and queues: the same programs on Node, Bun and Deno.
import { join } from 'node:path'
import { at, hasBinaries, NO_BINARY, twoAtATime } from './tools.mjs'

const NODE_VERSIONS = ['20.19.0', '22.23.3', '24.21.0']
const BUN_VERSION = '1.4.5'
const DENO_VERSION = '2.9.6'

const PROGRAMS = {
  core: 'the core flow',
  faults: 'faults of downloads',
  suites: 'suites of storages and queues',
}

export async function checkRuntimes(tools) {
  const { check, must, project } = tools
  const sdk = at('@aws-sdk/client-s3', '@aws-sdk/s3-request-presigner')
  const cwd = await project('runtimes', sdk, { programs: ['runtimes'] })
  await must('openssl', makeCertificate(), { cwd })
  const runtimes = await findRuntimes(tools)
  // Each runtime has a variable of its own for a certificate that it shall trust.
  const env = { NODE_EXTRA_CA_CERTS: 'cert.pem', DENO_CERT: 'cert.pem', DENO_NO_UPDATE_CHECK: '1' }
  await twoAtATime(
    runtimes.flatMap(({ name, command }) => [
      async () => {
        const [program, ...args] = command
        for (const [file, what] of Object.entries(PROGRAMS)) {
          await check(`${name}: ${what}`, program, [...args, `${file}.mjs`], { cwd, env, timeoutMs: 120_000 })
        }
      },
    ]),
  )
}

/** A certificate for the loopback, to be trusted by itself. */
export function makeCertificate() {
  return [
    ...['req', '-x509', '-nodes', '-days', '2', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    ...['-subj', '/CN=loopback', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'],
    ...['-addext', 'basicConstraints=critical,CA:FALSE', '-keyout', 'key.pem', '-out', 'cert.pem'],
  ]
}

/** Bun and Deno come as npm packages, whose binaries run without the packages' install scripts. */
async function findRuntimes({ folder, node, npm, skip }) {
  const nodes = NODE_VERSIONS.map(async (version) => ({ name: `Node ${version}`, command: [await node(version)] }))
  if (!hasBinaries) {
    for (const name of [`Bun ${BUN_VERSION}`, `Deno ${DENO_VERSION}`]) skip(name, NO_BINARY)
    return Promise.all(nodes)
  }
  const cwd = folder('runtimes-others')
  const packages = [`@oven/bun-linux-x64@${BUN_VERSION}`, `@deno/linux-x64-glibc@${DENO_VERSION}`]
  await npm(cwd, 'install', ...packages)
  const bin = (...path) => join(cwd, 'node_modules', ...path)
  return [
    { name: `Bun ${BUN_VERSION}`, command: [bin('@oven', 'bun-linux-x64', 'bin', 'bun')] },
    { name: `Deno ${DENO_VERSION}`, command: [bin('@deno', 'linux-x64-glibc', 'deno'), 'run', '--allow-all'] },
    ...(await Promise.all(nodes)),
  ]
}
