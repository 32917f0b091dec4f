import type { TransferPlan } from './transfers.js'
import type { UploadPlan } from './uploads.js'

const KB_100 = 100_000
const MB = 1_000_000

/** The ways that every cell compares. */
const RIVALS = ['ours', 'fetch-buffer', 'axios-buffer', 'packaged-client', 'lib-storage', 'raw-proxy']
/** Where one looks first, more ways. */
const ALL = [...RIVALS, 'ours-given-client', 'fetch-buffer-unproven', 'sdk-stream', 'sdk-stream-tuned']

/**
 * Objects of a round by size and concurrency: enough for a second or more, also for the fastest where bounds are set on
 * CPU time, for the garbage collector comes once in a hundred objects.
 */
const OBJECTS: readonly [size: number, objects: Record<number, number>][] = [
  [KB_100, { 1: 100, 8: 1_000, 32: 400 }],
  [MB, { 1: 40, 8: 80, 32: 96 }],
  [16 * MB, { 1: 6, 8: 16, 32: 32 }],
  [100 * MB, { 1: 2, 8: 8, 32: 32 }],
]

export interface Plans {
  transfers: TransferPlan[]
  memory: TransferPlan[]
  latency: TransferPlan[]
  uploads: UploadPlan[]
  /** Of signing, and of starts. */
  rounds: { signing: number; start: number }
}

/** @param options `rounds`: fewer than the full run has, for a look. */
export function fullPlans({ rounds = Number.POSITIVE_INFINITY }: { rounds?: number } = {}): Plans {
  const atMost = (wanted: number): number => Math.min(wanted, rounds)
  const transfers = OBJECTS.flatMap(([size, objects]) =>
    Object.entries(objects).map(([concurrency, count]) =>
      transfer(size, Number(concurrency), {
        objects: count,
        rounds: atMost(size < 100 * MB ? 7 : 3),
        pipelines: isLookedAtFirst(size, Number(concurrency)) ? ALL : RIVALS,
      }),
    ),
  )
  const memory = [16 * MB, 100 * MB].map((size) =>
    transfer(size, 32, {
      objects: 32,
      rounds: atMost(3),
      pipelines: ['ours', 'fetch-buffer', 'axios-buffer', 'lib-storage', 'raw-proxy'],
    }),
  )
  const far = ['ours', 'fetch-buffer', 'sdk-stream', 'sdk-stream-tuned']
  const latency = ([3 * MB, KB_100] as const).flatMap((size) =>
    ([16, 128] as const).map((concurrency) => ({
      ...transfer(size, concurrency, {
        objects: { [3 * MB]: { 16: 64, 128: 128 }, [KB_100]: { 16: 320, 128: 1_024 } }[size]?.[concurrency] ?? 0,
        rounds: atMost(7),
        pipelines: far,
      }),
      sdk: 'defaults' as const,
    })),
  )
  const uploads = uploadPlans(atMost(7))
  return { transfers, memory, latency, uploads, rounds: { signing: atMost(7), start: atMost(15) } }
}

const UPLOADS = ['uploads/ours', 'uploads/axios', 'uploads/fetch']

/** The three sources over TLS; without, those that need no store. */
function uploadPlans(rounds: number): UploadPlan[] {
  const unproven = ['uploads/axios-unproven', 'uploads/fetch-unproven']
  const kinds = [
    { kind: 'buffer', isPlain: false, pipelines: [...UPLOADS, 'uploads/axios-cut'] },
    { kind: 'file', isPlain: false, pipelines: UPLOADS },
    { kind: 'object', isPlain: false, pipelines: [...UPLOADS, ...unproven] },
    { kind: 'buffer', isPlain: true, pipelines: UPLOADS },
    { kind: 'file', isPlain: true, pipelines: UPLOADS },
  ] as const
  return kinds.map(({ kind, isPlain, pipelines }) => ({
    ...{ size: 16 * MB, concurrency: 8, objects: 8, warmUp: 8, rounds },
    ...{ kind, isPlain, pipelines },
  }))
}

/** Two cells and the rivals that bounds are set on. */
export function shortPlans(): Plans {
  const pipelines = ['ours', 'fetch-buffer', 'raw-proxy']
  return {
    transfers: [
      transfer(KB_100, 8, { objects: 1_000, rounds: 3, pipelines }),
      transfer(16 * MB, 8, { objects: 16, rounds: 3, pipelines }),
    ],
    memory: [],
    latency: [],
    uploads: [],
    rounds: { signing: 0, start: 0 },
  }
}

/** A worker runs for days: where bounds are set on CPU time, the compiler has done its work before the first round. */
function warmUpRounds(size: number, concurrency: number): number {
  if (concurrency === 8 && (size === KB_100 || size === 16 * MB)) return 6
  return size <= KB_100 ? 2 : 1
}

function isLookedAtFirst(size: number, concurrency: number): boolean {
  return (concurrency === 8 && (size === KB_100 || size === 16 * MB)) || (concurrency === 1 && size === KB_100)
}

function transfer(
  size: number,
  concurrency: number,
  options: { objects: number; rounds: number; pipelines: readonly string[] },
): TransferPlan {
  return { size, concurrency, ...options, warmUp: options.objects * warmUpRounds(size, concurrency) }
}
