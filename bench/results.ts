/** What a run of the bench found; `bench/results.json`. Times in milliseconds, memory in megabytes (1,000,000 bytes). */
export interface Results {
  /** ISO 8601. */
  measuredAt: string
  minutes: number
  node: string
  platform: string
  cores: number
  /** Of the packages compared with. */
  versions: Record<string, string>
  transfers: TransferCell[]
  memory: MemoryCell[]
  /** As `transfers`, with a round trip of so many milliseconds between the client and the store. */
  latency: { roundTripMs: number; cells: TransferCell[] }
  /** Absent from runs without this section. */
  uploads?: UploadResults
  signing: { urls: number; rows: { way: 'ours' | 'sdk'; microsPerUrl: number }[] }
  start: StartRow[]
  bundles: BundleRow[]
}

export interface TransferCell {
  /** Bytes of each object. */
  size: number
  concurrency: number
  objects: number
  rounds: number
  rows: TransferRow[]
}

/** Medians over the rounds. */
export interface TransferRow {
  pipeline: string
  /** CPU time of the client's process for one object, and its range over the rounds. */
  cpuMs: number
  cpuMsRange: [least: number, most: number]
  objectsPerSecond: number
  /** From the start of one object to its end. */
  objectMs: number
  /** The highest memory of all rounds, above what the process had after one object. */
  aboveIdleMb: number
}

/** The way out, measured by itself or with the rest. */
export interface UploadResults {
  /** ISO 8601. */
  measuredAt: string
  minutes: number
  cells: UploadCell[]
}

export interface UploadCell extends TransferCell {
  source: UploadKind
  /** Without TLS. WhatsApp has none such. */
  isPlain: boolean
}

/** What is uploaded: bytes in memory, a file, or an object of S3. */
export type UploadKind = 'buffer' | 'file' | 'object'

export interface MemoryCell {
  size: number
  concurrency: number
  rows: { pipeline: string; aboveIdleMb: number }[]
}

/** Above a process that does nothing. */
export interface StartRow {
  what: string
  cpuMs: number
  wallMs: number
}

export interface BundleRow extends StartRow {
  format: 'esm' | 'cjs'
  bytes: number
  gzipBytes: number
}

/** The cell of that size and concurrency. */
export function cellOf<Cell extends { size: number; concurrency: number }>(
  cells: readonly Cell[],
  size: number,
  concurrency: number,
): Cell | undefined {
  return cells.find((cell) => cell.size === size && cell.concurrency === concurrency)
}

/** What `read` makes of one pipeline's row over what it makes of another's; undefined when one was not measured. */
export function ratioOf<Row extends { pipeline: string }>(
  rows: readonly Row[] | undefined,
  [above, below]: readonly [string, string],
  read: (row: Row) => number,
): number | undefined {
  const [one, other] = [above, below].map((name) => rows?.find(({ pipeline }) => pipeline === name))
  return one === undefined || other === undefined ? undefined : read(one) / read(other)
}
