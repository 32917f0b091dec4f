import { randomUUID } from 'node:crypto'
import { checkOptions, type OptionNames } from '../../errors/check-options.js'
import { checkSignal } from '../../errors/checks.js'
import { describeValue } from '../../errors/describe.js'
import { InvalidOptionError } from '../../errors.js'
import type { ObjectStorage } from '../../storage.js'
import type { S3StorageOptions } from './options.js'
import { PROBE_CHECKS } from './probe/checks.js'
import type { ProbeCheck, ProbeCheckName, ProbeReport, ProbeVerdict } from './probe/report.js'
import { createProbeStore } from './probe/store.js'
import type { S3Connection } from './sdk/connection.js'

export type { ProbeCheck, ProbeCheckName, ProbeReport } from './probe/report.js'

/** The start of the probe's keys, unless an option says otherwise. */
export const PROBE_PREFIX = 'whatsapp-media-archive-probe/'

/** Options of `probeS3`. */
export interface ProbeOptions {
  /** The start of all keys of the probe; nothing else is read or written. Default `whatsapp-media-archive-probe/`. */
  prefix?: string | undefined
  /** Ends the probe with its reason, after cleaning up. */
  signal?: AbortSignal | undefined
  /** Fetches the signed URL, as a reader would. Default: the global `fetch`. */
  fetch?:
    | ((
        url: string,
        init: {
          /** Ends the request. */
          signal: AbortSignal
        },
      ) => Promise<Response>)
    | undefined
  /** Milliseconds that one check may take; a store that says nothing for so long has failed it. Default 30,000. */
  timeoutMs?: number | undefined
}

const PROBE_OPTIONS: OptionNames<ProbeOptions> = { prefix: true, signal: true, fetch: true, timeoutMs: true }

/** The storage under test, and the SDK beside it. The probe closes both. */
export interface ProbedStore {
  storage: ObjectStorage
  connection: S3Connection
}

/** @throws InvalidOptionError */
export function checkProbeOptions(options: ProbeOptions): void {
  checkOptions(options, PROBE_OPTIONS, { option: 'probeOptions' })
  const { prefix, signal, fetch, timeoutMs } = options
  if (signal !== undefined) checkSignal('signal', signal)
  if (
    prefix !== undefined &&
    !(typeof prefix === 'string' && /^(?=.{1,900}$)(?:(?!\.{1,2}\/)[\w.-]+\/)+$/.test(prefix))
  ) {
    const rule = 'must be safe segments, each ending in a slash, of at most 900 characters'
    throw new InvalidOptionError({ option: 'prefix', problem: `${rule}, got ${describeValue(prefix)}` })
  }
  if (fetch !== undefined && typeof fetch !== 'function') {
    throw new InvalidOptionError({ option: 'fetch', problem: `must be a function, got ${describeValue(fetch)}` })
  }
  if (timeoutMs !== undefined && !(Number.isSafeInteger(timeoutMs) && timeoutMs > 0 && timeoutMs <= 2_147_483_647)) {
    const rule = 'must be a positive whole number of milliseconds that a timer can wait'
    throw new InvalidOptionError({ option: 'timeoutMs', problem: `${rule}, got ${describeValue(timeoutMs)}` })
  }
}

/** Runs all checks, one after the other, and removes the objects that they wrote. */
export async function runProbe(
  { storage, connection }: ProbedStore,
  options: S3StorageOptions,
  probeOptions: ProbeOptions,
): Promise<ProbeReport> {
  const { prefix = PROBE_PREFIX, signal, fetch = globalThis.fetch, timeoutMs = 30_000 } = probeOptions
  const checks: ProbeCheck[] = []
  // Below a name of its own: two probes at once do not meet, and nothing old is taken for ours.
  const base = `${prefix}${randomUUID()}/`
  const store = createProbeStore({ storage, connection, options, fetch, base })
  const run = async (name: ProbeCheckName, check: () => Promise<ProbeVerdict>): Promise<void> => {
    signal?.throwIfAborted()
    checks.push({ name, ...(await store.within(timeoutMs, signal, check)) })
  }
  let left = 0
  try {
    for (const { name, check } of PROBE_CHECKS) {
      const isWritten = checks[0] === undefined || checks[0].verdict === 'works'
      if (isWritten || name === 'delete') await run(name, () => check(store))
      else
        checks.push({ name, verdict: 'skipped', detail: 'Nothing could be written, so there is nothing to test with.' })
    }
  } finally {
    left = await store.cleanUp(timeoutMs)
  }
  const endpoint = await readEndpoint(connection)
  return {
    bucket: options.bucket,
    ...(endpoint === undefined ? {} : { endpoint }),
    checks: left === 0 ? checks : checks.map((check) => withLeftOvers(check, { left, base })),
  }
}

/** Objects that stay must be reported with their place: nobody else knows the name. */
function withLeftOvers(check: ProbeCheck, { left, base }: { left: number; base: string }): ProbeCheck {
  if (check.name !== 'delete') return check
  const verdict = check.verdict === 'works' ? 'failed' : check.verdict
  return { ...check, verdict, detail: `${check.detail} Up to ${left} objects of the probe are left below ${base}.` }
}

async function readEndpoint({ client }: S3Connection): Promise<string | undefined> {
  const endpoint = await client.config.endpoint?.()
  if (endpoint === undefined) return undefined
  const { protocol, hostname, port, path } = endpoint
  return `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path === '/' ? '' : path}`
}
