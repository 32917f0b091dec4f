import type { Results, TransferCell } from '../../bench/results.js'

type Row = TransferCell['rows'][number]

function row(pipeline: string, cpuMs: number, objectsPerSecond: number): Row {
  return { pipeline, cpuMs, cpuMsRange: [cpuMs, cpuMs], objectsPerSecond, objectMs: 10, aboveIdleMb: 50 }
}

function cell(size: number, concurrency: number, rows: Row[]): TransferCell {
  return { size, concurrency, objects: 10, rounds: 7, rows }
}

/** Results that meet every bound exactly. */
export function sampleResults(): Results {
  return {
    measuredAt: '2026-11-22T10:00:00.000Z',
    minutes: 20,
    node: 'v20.20.2',
    platform: 'linux x64',
    cores: 2,
    versions: { axios: '1.0.0' },
    transfers: [
      cell(100_000, 1, [row('ours', 1, 400), row('sdk-stream', 4, 50)]),
      cell(100_000, 8, [row('ours', 1.8, 500), row('fetch-buffer', 4, 200), row('raw-proxy', 1.0588235294117647, 900)]),
      cell(16_000_000, 8, [row('ours', 46, 20), row('fetch-buffer', 92, 10), row('raw-proxy', 40, 25)]),
    ],
    memory: [
      { size: 16_000_000, concurrency: 32, rows: [{ pipeline: 'ours', aboveIdleMb: 100 }] },
      { size: 100_000_000, concurrency: 32, rows: [{ pipeline: 'ours', aboveIdleMb: 140 }] },
    ],
    latency: {
      roundTripMs: 100,
      cells: [
        cell(3_000_000, 16, [row('ours', 9, 90), row('fetch-buffer', 20, 30), row('sdk-stream', 20, 30)]),
        cell(100_000, 128, [row('ours', 2, 700), row('fetch-buffer', 5, 500), row('sdk-stream', 5, 500)]),
      ],
    },
    uploads: {
      measuredAt: '2026-11-22T10:00:00.000Z',
      minutes: 5,
      cells: (['buffer', 'file', 'object'] as const).map((source) => ({
        ...{ source, isPlain: false },
        ...cell(16_000_000, 8, [row('uploads/ours', 36, 20), row('uploads/axios', 40, 9), row('uploads/fetch', 90, 9)]),
      })),
    },
    signing: {
      urls: 1_000,
      rows: [
        { way: 'ours', microsPerUrl: 10 },
        { way: 'sdk', microsPerUrl: 400 },
      ],
    },
    start: [
      { what: 'root', cpuMs: 20, wallMs: 20 },
      { what: 'client-s3', cpuMs: 100, wallMs: 100 },
      { what: 'first-url', cpuMs: 60, wallMs: 60 },
      { what: 'sdk-first-url', cpuMs: 150, wallMs: 150 },
    ],
    bundles: [{ what: 'ours', format: 'esm', bytes: 600_000, gzipBytes: 180_000, cpuMs: 40, wallMs: 50 }],
  }
}
