import { cellOf, type Results, ratioOf, type TransferRow, type UploadKind } from './results.js'

/** What was found for one bound. */
export interface Verdict {
  what: string
  value: number
  bound: number
  /** The best that was reached, where the bound was not; the gate then holds that. */
  reached?: number
  /** Whether the value may be at most the bound, or must be at least. */
  kind: 'at most' | 'at least'
  unit: '×' | 'MB'
  isMet: boolean
  /** A ratio of CPU times: what other load on a machine moves least. */
  isCpuRatio: boolean
}

type Bound = Pick<Verdict, 'what' | 'bound' | 'reached' | 'kind' | 'unit' | 'isCpuRatio'> & {
  read: (results: Results) => number | undefined
}

const KB_100 = 100_000
const MB_3 = 3_000_000
const MB_16 = 16_000_000
const MB_100 = 100_000_000

const NOUNS = { buffer: 'a buffer', file: 'a file', object: 'an S3 object' } as const

const BOUNDS: readonly Bound[] = [
  cpu('CPU of an object of 100 KB, 8 at once: × fetch → arrayBuffer → PutObject', 0.45, KB_100, 'fetch-buffer', 0.46),
  cpu('CPU of an object of 100 KB, 8 at once: × raw sockets', 1.7, KB_100, 'raw-proxy', 3.7),
  cpu('CPU of 16 MB, 8 at once: × fetch → arrayBuffer → PutObject', 0.5, MB_16, 'fetch-buffer'),
  cpu('CPU of 16 MB, 8 at once: × raw sockets', 1.15, MB_16, 'raw-proxy'),
  memory('memory above idle, 32 × 16 MB', 100, MB_16),
  memory('memory above idle, 32 × 100 MB', 140, MB_100),
  far('objects/s of 3 MB at 100 ms, 16 at once: × fetch → arrayBuffer → PutObject', 3, [MB_3, 16, 'fetch-buffer']),
  far('objects/s of 3 MB at 100 ms, 16 at once: × stream → PutObject', 3, [MB_3, 16, 'sdk-stream']),
  far('objects/s of 100 KB at 100 ms, 128 at once: × fetch → arrayBuffer → PutObject', 1.4, [
    KB_100,
    128,
    'fetch-buffer',
  ]),
  far('objects/s of 100 KB at 100 ms, 128 at once: × stream → PutObject', 1.4, [KB_100, 128, 'sdk-stream']),
  {
    what: 'objects/s of 100 KB, one at a time: × stream → PutObject',
    ...{ bound: 8, kind: 'at least', unit: '×', isCpuRatio: false },
    read: ({ transfers }) => ratioOf(cellOf(transfers, KB_100, 1)?.rows, ['ours', 'sdk-stream'], rate),
  },
  ...(['buffer', 'file', 'object'] as const).flatMap((source) => [
    // An object took 0.40 to 0.46 in several runs, the more the busier the machine was.
    upload(`CPU of uploading ${NOUNS[source]} of 16 MB: × fetch + FormData + Blob`, 0.4, [source, 'uploads/fetch']),
    upload(`CPU of uploading ${NOUNS[source]} of 16 MB: × axios + form-data`, 0.9, [source, 'uploads/axios']),
  ]),
  {
    what: 'CPU of signUrls for 1,000 keys: × getSignedUrl',
    ...{ bound: 1 / 40, kind: 'at most', unit: '×', isCpuRatio: true },
    read: ({ signing }) =>
      quotient(
        signing.rows,
        ({ way }) => way,
        ['ours', 'sdk'],
        (row) => row.microsPerUrl,
      ),
  },
  starting('CPU of importing the root: × client-s3', 0.2, ['root', 'client-s3']),
  starting('CPU until the first signed URL: × client-s3 + presigner', 0.4, ['first-url', 'sdk-first-url']),
]

/** Each bound that was measured. */
export function judge(results: Results): Verdict[] {
  return BOUNDS.flatMap(({ read, ...bound }) => {
    const value = read(results)
    if (value === undefined) return []
    return [{ ...bound, value, isMet: bound.kind === 'at most' ? value <= bound.bound : value >= bound.bound }]
  })
}

/** So far over its bound a CPU ratio may be on a machine with other work to do. */
export const SLACK = 1.5

/**
 * The CPU ratios that stayed over their bound by more than the slack in each of the tries: one try within it is enough,
 * for other load only ever adds.
 */
export function tooDear(tries: readonly (readonly Verdict[])[]): Verdict[] {
  const [first = [], ...more] = tries
  return first.filter((verdict) => {
    const all = [verdict, ...more.flatMap((verdicts) => verdicts.filter(({ what }) => what === verdict.what))]
    return verdict.isCpuRatio && all.every(({ value, bound, reached = bound }) => value > reached * SLACK)
  })
}

function cpu(what: string, bound: number, size: number, rival: string, reached = bound): Bound {
  const read = ({ transfers }: Results): number | undefined =>
    ratioOf(cellOf(transfers, size, 8)?.rows, ['ours', rival], (row) => row.cpuMs)
  return { what, bound, reached, kind: 'at most', unit: '×', isCpuRatio: true, read }
}

function memory(what: string, bound: number, size: number): Bound {
  const read = (results: Results): number | undefined =>
    cellOf(results.memory, size, 32)?.rows.find(({ pipeline }) => pipeline === 'ours')?.aboveIdleMb
  return { what, bound, kind: 'at most', unit: 'MB', isCpuRatio: false, read }
}

function far(what: string, bound: number, [size, concurrency, rival]: readonly [number, number, string]): Bound {
  const read = ({ latency }: Results): number | undefined =>
    ratioOf(cellOf(latency.cells, size, concurrency)?.rows, ['ours', rival], rate)
  return { what, bound, kind: 'at least', unit: '×', isCpuRatio: false, read }
}

function upload(what: string, bound: number, [source, rival]: readonly [UploadKind, string]): Bound {
  const read = ({ uploads }: Results): number | undefined => {
    const cell = uploads?.cells.find((cell) => cell.source === source && !cell.isPlain)
    return ratioOf(cell?.rows, ['uploads/ours', rival], (row) => row.cpuMs)
  }
  return { what, bound, kind: 'at most', unit: '×', isCpuRatio: true, read }
}

function starting(what: string, bound: number, names: readonly [string, string]): Bound {
  const read = ({ start }: Results): number | undefined =>
    quotient(
      start,
      (row) => row.what,
      names,
      (row) => row.cpuMs,
    )
  return { what, bound, kind: 'at most', unit: '×', isCpuRatio: true, read }
}

function rate({ objectsPerSecond }: TransferRow): number {
  return objectsPerSecond
}

function quotient<Row>(
  rows: readonly Row[],
  nameOf: (row: Row) => string,
  names: readonly [string, string],
  read: (row: Row) => number,
): number | undefined {
  return ratioOf(
    rows.map((row) => ({ pipeline: nameOf(row), value: read(row) })),
    names,
    ({ value }) => value,
  )
}
