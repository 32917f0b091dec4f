import { judge, type Verdict } from './bounds.js'
import { labelOf, PIPELINES } from './pipelines.js'
import type { BundleRow, MemoryCell, Results, StartRow, TransferCell, UploadCell, UploadResults } from './results.js'
import { significant } from './statistics.js'

/** docs/performance.md: how it was measured, and everything that was found. */
export function report(results: Results): string {
  const { measuredAt, node, platform, cores, minutes, versions, transfers, memory, latency, uploads, signing } = results
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `# Performance

Written by \`npm run bench\` (${measuredAt.slice(0, 10)}, Node ${node.slice(1)}, ${platform}, ${cores} cores, ${minutes} minutes) from \`bench/results.json\`; do not edit. Absolute figures differ by up to two times from run to run on shared machines; ratios within one run are stable.

![What archiving costs, compared](performance.svg)

\`npm run build && npm run bench\` measures it on your machine; with \`-- --short\` it takes under 3 minutes. \`decisions/006-fast-put.md\` in the repository says where the time of a put goes. With a given S3 client, puts go through the SDK, at about the price of code written by hand.

## How it is measured
The source (a Cloud API stand-in: look-up and bytes) and the S3 sink are processes of their own, over TLS on the loopback. Each pipeline runs in its own process, so that CPU time (\`process.cpuUsage()\`, all threads) and memory are its own. The pipelines take turns: every round runs all of them and begins with another one. Figures are medians over the rounds, after a warm-up. Each object is looked up, downloaded and stored by one PUT.

The sink checks every request's signature, condition and checksum, and compares every byte with the source's; a round with a wrong, missing or refused object ends the bench. Unless its line says otherwise, each pipeline compares the SHA-256 with the announced one, stores under \`If-None-Match: *\`, and sends the hash as the object's checksum. The other pipelines keep their connections alive, have one for each transfer, and do not send \`Expect: 100-continue\`; those with "SDK defaults" change no setting of the SDK. They hold whole files only up to 512 MB at once.

${PIPELINES.filter(({ name }) => !name.startsWith('uploads/'))
  .map(({ name, label }) => `- **${label}**: \`bench/pipelines/${name}.mjs\``)
  .join('\n')}

Compared with ${packages.join(', ')}.

## Bounds
${verdictTable(judge(results))}

In CI, \`npm run bench -- --short --gate\` fails when a ratio of CPU times is over 1.5 × its bound, or over 1.5 × the best that was reached where the bound is not met, in three tries.

## Transfers
${transfers.map(cellTable).join('\n\n')}

## Memory
The highest resident memory, above that of the process after one object. Each figure comes from a fresh process.

${memory.map(memoryTable).join('\n\n')}

## A store far away
A proxy delays every byte by ${latency.roundTripMs / 2} ms on its way to the store and back, and a new connection by another round trip. The source stays near. All SDK clients except the tuned one have the SDK's defaults: 50 connections, and \`Expect: 100-continue\` above 2 MB on a connection of its own.

${latency.cells.map(cellTable).join('\n\n')}

${uploads === undefined ? '' : uploadSection(uploads)}## Signed URLs
${table(
  ['way', 'µs CPU per URL'],
  signing.rows.map(({ way, microsPerUrl }) => [
    way === 'ours' ? `\`signUrls\` of ${signing.urls} keys` : '`getSignedUrl` of s3-request-presigner, client reused',
    String(microsPerUrl),
  ]),
)}

## Cold start
Fresh processes; the cost of a process that does nothing is subtracted. Each bundle is one Lambda function that verifies webhooks, archives their media and signs URLs, made by esbuild without a banner, with the SDK inside. Its time ends with the answer to the first webhook.

${startTable(results)}
`
}

function uploadSection({ measuredAt, minutes, cells }: UploadResults): string {
  return `## Uploads to WhatsApp
Measured by \`npm run bench:upload\` (${measuredAt.slice(0, 10)}, ${minutes} minutes), which does this section alone. The sink, a Cloud API stand-in in a process of its own, checks token, form and length, and compares every byte of the file. All ways upload the same bytes: of a buffer, of a file on disk, or of an object that an S3 stand-in serves. Over TLS, as WhatsApp has it, and the bounds are set there. Without TLS there is little to save: a buffer's upload is one copy into the kernel, which axios makes as well.

axios is at its best setting: no redirects, no cap, a form of known length, files read in pieces of 512 KB. A line more shows a buffer that the caller turns into a stream of pieces of 1 MB: over TLS that is what makes most of the difference, and this library does it by itself. \`fetch\` gets a \`Blob\` of the buffer, of the whole file, or of the whole object. This library gets the buffer, a \`createReadStream\` without options, and the object's key. Objects are compared with their SHA-256, by the SDK for the others, unless their line says otherwise.

${cells.map(uploadTable).join('\n\n')}

`
}

function uploadTable(cell: UploadCell): string {
  const what = { buffer: 'A buffer', file: 'A file', object: 'An object of S3' }[cell.source]
  return `${what}, ${cell.isPlain ? 'without TLS' : 'TLS'}: ${cellTable(cell)}`
}

/** All pipelines of a cell, the cheapest first. */
export function cellTable({ size, concurrency, objects, rounds, rows }: TransferCell): string {
  const ours = rows.find(({ pipeline }) => pipeline === 'ours' || pipeline === 'uploads/ours')
  const lines = [...rows]
    .sort((a, b) => a.cpuMs - b.cpuMs)
    .map(({ pipeline, cpuMs, cpuMsRange: [least, most], objectsPerSecond, objectMs, aboveIdleMb }) => [
      labelOf(pipeline),
      `${cpuMs} (${least}-${most})`,
      String(significant((cpuMs / size) * 1_000_000)),
      ours === undefined ? '' : (cpuMs / ours.cpuMs).toFixed(2),
      String(objectsPerSecond),
      String(significant((objectsPerSecond * size) / 1_000_000)),
      String(objectMs),
      String(aboveIdleMb),
    ])
  const head = [
    '',
    'ms CPU per object',
    's CPU per GB',
    '× ours',
    'objects/s',
    'MB/s',
    'ms per object',
    'MB above idle',
  ]
  return `**${bytes(size)}, ${concurrency} at once** (${rounds} rounds of ${objects})\n\n${table(head, lines)}`
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  return table(
    ['what', 'found', 'bound', ''],
    verdicts.map(({ what, value, bound, kind, unit, isMet }) => [
      what,
      `${significant(value)} ${unit}`,
      `${kind} ${significant(bound)} ${unit}`,
      isMet ? 'met' : '**not met**',
    ]),
  )
}

export function startTable({ start, bundles }: Pick<Results, 'start' | 'bundles'>): string {
  const starts = start.map((row) => [STARTS[row.what] ?? row.what, ...costs(row), ''])
  const bundled = bundles.map((row) => [
    bundleLabel(row),
    ...costs(row),
    `${kilobytes(row.bytes)} (${kilobytes(row.gzipBytes)})`,
  ])
  return table(['what', 'ms CPU', 'ms wall', 'KB (gzipped)'], [...starts, ...bundled])
}

const STARTS: Readonly<Record<string, string>> = {
  root: 'import the root',
  webhook: 'import the root, answer a webhook',
  'first-url': 'import the root and S3 storage, first signed URL',
  'client-s3': 'import @aws-sdk/client-s3',
  'sdk-first-url': 'import client-s3 and s3-request-presigner, first signed URL',
}

function bundleLabel({ what, format }: BundleRow): string {
  const maker = what === 'ours' ? 'with this library' : 'by hand on the SDK'
  return `Lambda bundle ${maker}, ${format === 'esm' ? 'ES module' : 'CommonJS'}`
}

function costs({ cpuMs, wallMs }: StartRow): [string, string] {
  return [String(Math.round(cpuMs)), String(Math.round(wallMs))]
}

function memoryTable({ size, concurrency, rows }: MemoryCell): string {
  const lines = [...rows].sort((a, b) => a.aboveIdleMb - b.aboveIdleMb)
  return `**${concurrency} × ${bytes(size)} at once**\n\n${table(
    ['', 'MB above idle'],
    lines.map(({ pipeline, aboveIdleMb }) => [labelOf(pipeline), String(aboveIdleMb)]),
  )}`
}

function bytes(size: number): string {
  return size < 1_000_000 ? `${size / 1_000} KB` : `${size / 1_000_000} MB`
}

function kilobytes(size: number): string {
  return String(Math.round(size / 1_000))
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [row(head), row(head.map(() => '---')), ...lines.map(row)].join('\n')
}
