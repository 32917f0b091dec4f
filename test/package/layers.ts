import { cycles, type Import, type Module, reachable } from './import-graph.js'

/**
 * The layers from the ground up: a module imports its own layer and lower ones. A module that stands in no list is a
 * step of the flow; `webhook-body` and `cli/demo` stand where `webhook` and `cli` do. Adapters have a rule of their own.
 */
const LAYERS: readonly (readonly string[])[] = [
  ['errors', 'events', 'media-reference', 'mime', 'redaction'],
  ['http', 'storage'],
  [], // the steps
  ['archive'],
  ['content', 'job-runner', 'media-archive', 'jobs', 'webhook', 'send'],
  ['index', 'cli', 'testing'],
]
const STEPS = 2
const ENTRIES = 5

/** The implementations of an interface: the interface, and the packages that each may load. */
const ADAPTERS: Readonly<Record<string, { of: string; vendor?: RegExp }>> = {
  'storage/s3': { of: 'storage', vendor: /^@(?:aws-sdk|smithy)\// },
  'storage/file-system': { of: 'storage' },
  'storage/memory': { of: 'storage' },
  'signers/cloudfront': { of: 'storage', vendor: /^@aws-sdk\/cloudfront-signer$/ },
  'queues/in-process': { of: 'jobs' },
  'queues/sqs': { of: 'jobs', vendor: /^@(?:aws-sdk|smithy)\// },
  'queues/bullmq': { of: 'jobs', vendor: /^(?:bullmq|ioredis)$/ },
}
/** What adapters of one interface do alike. Held to an adapter's rule, without a vendor. */
const SHARED: Readonly<Record<string, string>> = { 'storage/receive': 'storage' }
/** The adapters that need no package; the root entry may offer them. */
const IN_ROOT = ['queues/in-process']
const VENDORS = /^@(?:aws-sdk|smithy)\/|^(?:bullmq|ioredis|mongoose)$/

const READS_ENVIRONMENT = /^(?:config-from-env|cli(?:\/.*)?)$/
const SPEAKS_WIRE = /^(?:payload|testing\/.*)$/
/** The one module of the root entry that needs a disk. */
const NEEDS_DISK = ['spool']

/** One sentence for each broken rule. */
export function brokenRules(modules: ReadonlyMap<string, Module>): string[] {
  const broken = cycles(modules).map((cycle) => `cycle: ${cycle}`)
  for (const module of modules.values()) {
    for (const target of module.imports) {
      const problem =
        modules.has(target.to) || !target.internal ? brokenArrow(module.name, target) : 'which does not exist'
      if (problem !== undefined) broken.push(`${module.name} imports ${target.to}, ${problem}`)
    }
    if (!READS_ENVIRONMENT.test(module.name)) {
      broken.push(...module.environment.map((line) => `${module.name} reads process.env (line ${line})`))
    }
    if (!SPEAKS_WIRE.test(module.name)) {
      broken.push(...module.wireNames.map((name) => `${module.name} uses a name of the wire: ${name}`))
    }
  }
  return [...broken, ...brokenRoot(modules)]
}

function brokenArrow(from: string, { to, internal }: Import): string | undefined {
  if (to === '(computed)') return 'which cannot be checked'
  const adapter = adapterOf(from)
  if (adapter !== undefined) {
    return mayLoad(adapter, { to, internal }) ? undefined : 'which is not its interface, its vendor or an error'
  }
  const layer = layerOf(from)
  if (!internal) return VENDORS.test(to) && layer < ENTRIES ? 'a package that only an adapter loads' : undefined
  const target = adapterOf(to)
  if (target === undefined) return layerOf(to) <= layer ? undefined : 'which lies above it'
  if (from === 'index') return IN_ROOT.includes(target) ? undefined : 'an adapter with an entry point of its own'
  return layer === ENTRIES ? undefined : 'an adapter'
}

function adapterOf(name: string): string | undefined {
  const known = Object.keys(ADAPTERS).find((adapter) => isPartOf(name, adapter))
  return known ?? (/^(?:storage|signers|queues)\//.test(name) ? name : undefined)
}

/** `webhook-body` and `webhook/body` are parts of `webhook`. */
function isPartOf(name: string, whole: string): boolean {
  return name === whole || name.startsWith(`${whole}-`) || name.startsWith(`${whole}/`)
}

function mayLoad(adapter: string, { to, internal }: { to: string; internal: boolean }): boolean {
  const known = ADAPTERS[adapter]
  if (!internal) return to.startsWith('node:') || known?.vendor?.test(to) === true
  const itsInterface = known?.of ?? SHARED[adapter]
  return (
    to === 'errors' ||
    to === itsInterface ||
    (itsInterface !== undefined && SHARED[to] === itsInterface) ||
    adapterOf(to) === adapter
  )
}

function layerOf(name: string): number {
  const [folder = ''] = name.split('/')
  const layer = LAYERS.findIndex((names) => names.some((known) => isPartOf(folder, known)))
  return layer < 0 ? STEPS : layer
}

/** What the root entry must never load when it is imported: a vendor's package, whose types count too, or the disk. */
function brokenRoot(modules: ReadonlyMap<string, Module>): string[] {
  const vendors = reachable(modules, { entry: 'index', kinds: ['static', 'type'] })
    .filter(({ to, internal }) => !internal && VENDORS.test(to))
    .map(({ from, to }) => `the root entry reaches ${to} through ${from}`)
  const disk = reachable(modules, { entry: 'index', kinds: ['static'] })
    .filter(({ from, to }) => /^node:fs(?:\/|$)/.test(to) && !NEEDS_DISK.includes(from))
    .map(({ from, to }) => `the root entry reaches ${to} through ${from}`)
  return [...vendors, ...disk]
}
