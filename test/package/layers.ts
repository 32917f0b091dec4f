import { cycles, type Import, type Module, reachable } from './import-graph.js'

/**
 * The floors of `src/`, from the ground up. A door (`download`) and its inside (`download/look-up`) are on one floor. A
 * module imports its own door's inside, its own floor's doors and everything below. Adapters have a rule of their own.
 */
const FLOORS: readonly (readonly string[])[] = [
  ['errors', 'json', 'timing', 'events', 'http', 'runtime'], // the ground: knows neither WhatsApp nor S3, open to adapters
  ['media-reference'],
  ['file-type', 'storage', 'queues', 'media-ids'],
  ['key'],
  ['webhook'],
  ['integrity'],
  ['download', 'upload'],
  ['flow-media'],
  ['signed-url'],
  ['sending'],
  ['archive'],
  ['media-archive'],
  ['config-from-env'],
  ['testing'],
  ['index', 'cli'],
]
const ENTRIES = FLOORS.length - 2
const GROUND = 0

/** The implementations of an interface: the interface, and the packages that each may load. */
const ADAPTERS: Readonly<Record<string, { of: string; vendor?: RegExp }>> = {
  'storage/s3': { of: 'storage', vendor: /^@(?:aws-sdk|smithy)\// },
  'storage/file-system': { of: 'storage' },
  'storage/r2': { of: 'storage' },
  'storage/memory': { of: 'storage' },
  'signers/cloudfront': { of: 'storage', vendor: /^@aws-sdk\/cloudfront-signer$/ },
  'queues/in-process': { of: 'queues' },
  'queues/deferred': { of: 'queues' },
  'queues/sqs': { of: 'queues', vendor: /^@(?:aws-sdk|smithy)\// },
  'queues/bullmq': { of: 'queues', vendor: /^(?:bullmq|ioredis)$/ },
  'media-ids/memory': { of: 'media-ids' },
  'media-ids/file': { of: 'media-ids' },
  'media-ids/redis': { of: 'media-ids', vendor: /^ioredis$/ },
}
/** What adapters of one interface do alike, each with its inside. Held to an adapter's rule, without a vendor. */
const SHARED: Readonly<Record<string, string>> = {
  'storage/checked-body': 'storage',
  'storage/signed-site': 'storage',
  'storage/run-call': 'storage',
  'queues/stored-job': 'queues',
  'storage/refusal': 'storage',
  'storage/questions': 'storage',
}
const VENDORS = /^@(?:aws-sdk|smithy)\/|^(?:bullmq|ioredis|mongoose)$/

const READS_ENVIRONMENT = /^(?:config-from-env|cli(?:\/.*)?)$/
const SPEAKS_WIRE = /^(?:webhook\/payload(?:\/.*)?|download\/answers|sending\/wire|flow-media\/wire|testing\/.*)$/
/** The modules of the root entry that need a disk. */
const NEEDS_DISK = ['integrity/spool', 'sending/local-file', 'sending/widen-reads']

type Doors = Pick<ReadonlySet<string>, 'has'>

/** Law 1: one sentence for each arrow that breaks it. */
export function brokenRules(modules: ReadonlyMap<string, Module>): string[] {
  const broken = cycles(modules).map((cycle) => `cycle: ${cycle}`)
  for (const module of modules.values()) {
    for (const target of module.imports) {
      const problem =
        modules.has(target.to) || !target.internal ? brokenArrow(module.name, target, modules) : 'which does not exist'
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

function brokenArrow(from: string, { to, internal }: Import, doors: Doors): string | undefined {
  if (to === '(computed)') return 'which cannot be checked'
  if (internal && !mayEnter(from, to, doors)) return 'which is private to its door'
  if (internal && isOwnDoor(from, to)) return 'its own door'
  const adapter = findAdapter(from)
  if (adapter !== undefined) {
    return mayLoad(adapter, { to, internal }) ? undefined : 'which is not its interface, its vendor or the ground'
  }
  const floor = findFloor(from)
  if (!internal) return VENDORS.test(to) && floor < ENTRIES ? 'a package that only an adapter loads' : undefined
  if (findAdapter(to) === undefined) return findFloor(to) <= floor ? undefined : 'which lies above it'
  if (from === 'index') return 'an adapter with an entry point of its own'
  return floor >= ENTRIES ? undefined : 'an adapter'
}

/**
 * Whether `from` may name `to`. The inside of a step is open to the floors above, that of the ground to all. A door that
 * stands in another's inside (an adapter, a command, a part of the test kit) has its own inside to itself.
 */
function mayEnter(from: string, to: string, doors: Doors): boolean {
  const [step, ...closed] = listFolders(to)
  if (!closed.every((folder) => isPart(from, folder) || !doors.has(folder))) return false
  return step === undefined || isPart(from, step) || findFloor(step) === GROUND || findFloor(from) > findFloor(to)
}

/** The folders of `storage/s3/direct`: `storage` and `storage/s3`. A folder without a door of its name is open. */
function listFolders(name: string): string[] {
  const parts = name.split('/')
  return parts.slice(1).map((_part, at) => parts.slice(0, at + 1).join('/'))
}

/** An inside names its own door only where the door is an interface, or on the ground. */
function isOwnDoor(from: string, to: string): boolean {
  const isInterface = Object.values(ADAPTERS).some((adapter) => adapter.of === to)
  return from !== to && isPart(from, to) && !isInterface && findFloor(to) !== GROUND
}

function findAdapter(name: string): string | undefined {
  const known = [...Object.keys(ADAPTERS), ...Object.keys(SHARED)].find((adapter) => isPart(name, adapter))
  return known ?? (/^(?:storage|signers|queues|media-ids)\//.test(name) ? name : undefined)
}

/** `download/look-up` is a part of `download`. */
function isPart(name: string, door: string): boolean {
  return name === door || name.startsWith(`${door}/`)
}

function mayLoad(adapter: string, { to, internal }: { to: string; internal: boolean }): boolean {
  const known = ADAPTERS[adapter]
  if (!internal) return to.startsWith('node:') || known?.vendor?.test(to) === true
  const itsInterface = known?.of ?? SHARED[adapter]
  return (
    to === itsInterface ||
    (itsInterface !== undefined && SHARED[to] === itsInterface) ||
    findAdapter(to) === adapter ||
    FLOORS[GROUND]?.some((door) => isPart(to, door)) === true
  )
}

/** A module that stands on no floor lies above all that do, and nobody may import it. */
function findFloor(name: string): number {
  const floor = FLOORS.findIndex((doors) => doors.some((door) => isPart(name, door)))
  return floor < 0 ? FLOORS.length : floor
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
