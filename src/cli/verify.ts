import { createHash } from 'node:crypto'
import { addAbortSignal, type Readable } from 'node:stream'
import { InvalidOptionError, WhatsAppMediaError } from '../errors.js'
import type { ObjectStorage, StoredObject, StoredObjectSummary } from '../storage.js'
import { checkTimeouts, runUnder, startDeadlines } from '../timing/deadlines.js'
import { retryAttempts } from '../timing/retry.js'
import { toStorageFailure } from '../upload/storage-errors.js'
import { type CommandContext, EXIT, toOneLine } from './command.js'
import { type Flags, parseCount } from './flags.js'
import { openStorage } from './open-storage.js'
import { choosePaint, type Paint } from './paint.js'
import { createRate, createStatusLine, formatBytes, formatCount } from './progress.js'

/** An object that is not as it was stored. */
export interface VerifyProblem {
  key: string
  /**
   * - `damaged`: its bytes have another SHA-256, or another size, than recorded.
   * - `unrecorded`: no hash was recorded to compare with: the object was not stored by this library, or was changed since.
   * - `unreadable`: the storage did not return it, for the `reason`.
   */
  problem: 'damaged' | 'unrecorded' | 'unreadable'
  recordedSha256?: string | undefined
  observedSha256?: string | undefined
  reason?: string | undefined
}

export interface VerifyCounts {
  objects: number
  proven: number
  damaged: number
  unrecorded: number
  unreadable: number
  bytes: number
  /** All objects were read. */
  complete: boolean
}

interface VerifyOptions {
  concurrency: number
  signal: AbortSignal
  onProblem(problem: VerifyProblem): void
}

/** Objects that `verify` reads at once. */
export const DEFAULT_READS = 4

/**
 * `verify <prefix>`: reads every object whose key starts with the prefix, and compares its SHA-256 with the recorded one.
 * `stdout` gets a line for each problem, and the counts: text, or with `--json` one JSON object a line.
 *
 * @returns the exit code: 0 when every object is proven and there is one at all; a mistyped prefix proves nothing.
 * @throws InvalidOptionError; StorageFailedError when the storage can't be listed.
 */
export async function runVerify(prefix: string, flags: Flags, context: CommandContext): Promise<number> {
  const { env, stdout, stderr, interrupts } = context
  const concurrency = parseCount(flags, 'concurrency', { most: 256 }) ?? DEFAULT_READS
  const isJson = flags['json'] === true
  const paint = choosePaint(stdout, env)
  const { storage } = openStorage(flags, { env: env, use: 'listed' })
  const counts = createCounts()
  const objects = createRate(() => counts.objects)
  const bytes = createRate(() => counts.bytes)
  const status = createStatusLine(stderr, () => {
    const bad = counts.damaged + counts.unrecorded + counts.unreadable
    const facts = [`${formatCount(counts.proven)} proven`, `${formatCount(bad)} not`, formatBytes(counts.bytes)]
    return [...facts, `${formatCount(objects.perSecond())}/s`, `${formatBytes(bytes.perSecond())}/s`].join('  ')
  })
  const onProblem = (problem: VerifyProblem): void =>
    status.around(
      () => void stdout.write(isJson ? `${JSON.stringify(problem)}\n` : describeVerifyProblem(problem, paint)),
    )
  try {
    await verifyObjects(storage, prefix, { concurrency, signal: interrupts.stop, onProblem, counts })
  } catch (error) {
    if (!interrupts.stop.aborted) throw error
  } finally {
    status.end()
    await storage.close?.()
  }
  stdout.write(isJson ? `${JSON.stringify(counts)}\n` : describeCounts(counts))
  if (interrupts.stop.aborted) return EXIT.interrupted
  if (counts.objects === 0) stderr.write(`${toOneLine(`No key starts with ${prefix}`)}\n`)
  return counts.objects > 0 && counts.proven === counts.objects ? EXIT.done : EXIT.incomplete
}

function createCounts(): VerifyCounts {
  return { objects: 0, proven: 0, damaged: 0, unrecorded: 0, unreadable: 0, bytes: 0, complete: false }
}

/**
 * Compares all objects under a prefix with their recorded hashes, and counts along the way. Objects that are deleted
 * meanwhile are left out.
 */
export async function verifyObjects(
  storage: ObjectStorage,
  prefix: string,
  options: VerifyOptions & { counts: VerifyCounts },
): Promise<void> {
  const { concurrency, signal, onProblem, counts } = options
  if (storage.list === undefined) {
    throw new InvalidOptionError({
      option: 'storage',
      problem: `must be able to list its objects, and ${storage.name} is not`,
    })
  }
  const objects = storage.list(prefix, { signal })[Symbol.asyncIterator]()
  const work = async (): Promise<void> => {
    for (let next = await objects.next(); next.done !== true; next = await objects.next()) {
      signal.throwIfAborted()
      const found = await verifyObject(storage, next.value, signal)
      if (found === undefined) continue
      counts.objects++
      counts.bytes += found.bytes
      if (found.problem === undefined) counts.proven++
      else {
        counts[found.problem.problem]++
        onProblem(found.problem)
      }
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  counts.complete = true
}

async function verifyObject(
  storage: ObjectStorage,
  { key }: StoredObjectSummary,
  signal: AbortSignal,
): Promise<{ bytes: number; problem?: VerifyProblem | undefined } | undefined> {
  try {
    const found = await retryAttempts(() => hashObject(storage, key, signal), {
      attempts: 3,
      deadlineAt: Number.POSITIVE_INFINITY,
      signal,
      mayRetry: () => true,
      onFailedAttempt() {},
    })
    if (found === undefined) return undefined
    const { object, bytes, sha256 } = found
    const recorded = findRecordedHash(object)
    if (recorded === undefined) return { bytes, problem: { key, problem: 'unrecorded', observedSha256: sha256 } }
    if (recorded === sha256) return { bytes }
    return { bytes, problem: { key, problem: 'damaged', recordedSha256: recorded, observedSha256: sha256 } }
  } catch (error) {
    if (signal.aborted || !WhatsAppMediaError.is(error)) throw error
    return { bytes: 0, problem: { key, problem: 'unreadable', reason: error.message } }
  }
}

/**
 * A storage without a record of the hash may compute it from the bytes, which proves nothing. Every object that this
 * library stored has a disposition.
 */
function findRecordedHash({ sha256, contentDisposition }: StoredObject): string | undefined {
  return contentDisposition === undefined ? undefined : sha256
}

async function hashObject(
  storage: ObjectStorage,
  key: string,
  callerSignal: AbortSignal,
): Promise<{ object: StoredObject; bytes: number; sha256: string } | undefined> {
  const deadlines = startDeadlines(checkTimeouts({ totalMs: Number.POSITIVE_INFINITY }), callerSignal)
  return runUnder(deadlines, async () => {
    const { signal } = deadlines
    deadlines.waitFor('store')
    const object = await storage.get(key, { signal })
    if (object === null) return undefined
    const hash = createHash('sha256')
    let bytes = 0
    for await (const piece of wrapBodyErrors(addAbortSignal(signal, object.body), key)) {
      deadlines.waitFor('store')
      hash.update(piece)
      bytes += piece.byteLength
    }
    return { object, bytes, sha256: hash.digest('hex') }
  })
}

/** A fault of the network or the disk breaks a body off; another attempt may read it whole. */
async function* wrapBodyErrors(body: Readable, key: string): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (error) {
    throw toStorageFailure(error, { operation: 'get', key })
  }
}

function describeVerifyProblem({ key, problem, reason }: VerifyProblem, paint: Paint): string {
  return `${paint('bad', problem)}  ${toOneLine([key, ...(reason === undefined ? [] : [reason])].join('  '))}\n`
}

function describeCounts({ objects, proven, damaged, unrecorded, unreadable, bytes, complete }: VerifyCounts): string {
  const all = complete ? 'objects' : 'objects looked at, not all there are'
  const facts = Object.entries({ proven, damaged, unrecorded, unreadable })
  return `${formatCount(objects)} ${all} (${formatBytes(bytes)}): ${facts.map(([name, count]) => `${formatCount(count)} ${name}`).join(', ')}\n`
}
