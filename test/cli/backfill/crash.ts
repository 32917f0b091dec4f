import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { appendFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import { archiveMedia } from '../../../src/archive.js'
import { createFileSystemStorage } from '../../../src/storage/file-system.js'
import { buildWebhook } from '../../../src/testing/build-webhook.js'
import {
  type AddedMedia,
  createFakeCloudApi,
  type FakeCloudApi,
  type Fault,
} from '../../../src/testing/fake-cloud-api.js'

const ACCOUNT = 'pixels'
const BYTES = 4_096
const CONCURRENCY = 8
const DAY_MS = 86_400_000
const UNREADABLE = ['{"entry":[{"changes":', '{"some":"thing else"}']

/** What spoils one answer. */
const FAULTS: readonly Fault[] = [
  { on: 'look-up', kind: 'status', status: 500, times: 1 },
  { on: 'look-up', kind: 'reset', times: 1 },
  { on: 'look-up', kind: 'malformed-json', times: 1 },
  { on: 'download', kind: 'status', status: 503, times: 1 },
  { on: 'download', kind: 'close-early', times: 1 },
  { on: 'download', kind: 'flip-bit', times: 1 },
  { on: 'download', kind: 'reset', afterBytes: 1_000, times: 1 },
]

/** A file to archive, and when its message was sent. */
interface Sent {
  added: AddedMedia
  timestamp: string
}

/**
 * Back-fills so many references of 4 KB: 30 % are there already, 5 % gone, 5 % meet a transient fault. The first process
 * is killed in its middle and its journal's end torn; a second one goes on. Proves that it repeats nothing, loses nothing,
 * and that its report adds up.
 */
export async function backfillThroughACrash(count: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'backfill-crash-'))
  const api = await createFakeCloudApi()
  const [there, gone] = [count * 0.3, count * 0.05]
  const input = join(directory, 'saved.jsonl')
  const [journal, report, objects] = [`${input}.journal`, join(directory, 'report.json'), join(directory, 'objects')]
  const backfill = ['backfill', input, '--report', report, '--concurrency', String(CONCURRENCY)]
  const where = ['--directory', objects]
  const command = [...backfill, ...where, '--account', ACCOUNT, '--cloud-api', api.origin, '--media-host', api.origin]
  try {
    const sent = await sendAll(api, { count: count - gone, there })
    await archiveBefore(sent.slice(0, there), { objects, api })
    await writeFile(input, `${linesOf(sent, gone).join('\n')}\n`)
    spoil(api, sent.slice(there))

    const first = start(command, api)
    await until(() => finishedIn(journal).size > count * 0.4)
    first.kill('SIGKILL')
    expect(await first.ended).toBe('SIGKILL')
    const finished = finishedIn(journal)
    const asked = api.requests.length
    await appendFile(journal, '{"place":1,"line":2,"id":"00000')

    expect(await start(command, api).ended).toBe(1)
    const again = api.requests.slice(asked).map(({ url }) => mediaIdIn(url))
    expect(again.length).toBeGreaterThan(count * 0.3)
    expect(again.filter((mediaId) => finished.has(mediaId))).toEqual([])
    expectReport(report, { count, there, gone })
    expectObjects(objects, sent)
    expect(await start(['verify', `whatsapp-media/${ACCOUNT}/`, ...where], api).ended).toBe(0)
  } finally {
    await api.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function sendAll(api: FakeCloudApi, { count, there }: { count: number; there: number }): Promise<Sent[]> {
  const sent: Sent[] = []
  for (let index = 0; index < count; index++) {
    const bytes = Buffer.alloc(BYTES, `file ${index} `)
    // What is there already may be older than Meta remembers.
    const ageDays = index < there ? 1 + (index % 30) : 1 + (index % 6)
    const timestamp = new Date(Math.floor(Date.now() / 1_000) * 1_000 - ageDays * DAY_MS).toISOString()
    sent.push({ added: await api.addMedia({ bytes, mimeType: 'text/plain', mediaType: 'document' }), timestamp })
  }
  return sent
}

async function archiveBefore(
  sent: readonly Sent[],
  { objects, api }: { objects: string; api: FakeCloudApi },
): Promise<void> {
  const storage = createFileSystemStorage({ directory: objects, durable: false })
  const { accessToken, cloudApi } = api
  for (const { added, timestamp } of sent) {
    await archiveMedia({ ...added.reference, timestamp }, { storage, accountId: ACCOUNT, accessToken, cloudApi })
  }
}

/** Webhooks, media ids and message documents by turns; the gone ones and two unreadable lines among them. */
function linesOf(sent: readonly Sent[], gone: number): string[] {
  const lines = sent.map(({ added, timestamp }, index) => {
    const { mediaId, mediaObject, reference } = added
    const { mediaType, mimeType, messageId, phoneNumberId } = reference
    const message = { messageId, phoneNumberId, timestamp }
    if (index % 3 === 0) {
      return JSON.stringify(buildWebhook([{ media: { type: mediaType, object: mediaObject }, messageId, timestamp }]))
    }
    if (index % 3 === 1) return JSON.stringify({ mediaId, mediaType, mimeType, ...message })
    return JSON.stringify({ ...message, content: { mediaId, mediaType, mimeType }, mediaStatus: 'pending' })
  })
  const dead = Array.from({ length: gone }, (_, index) => {
    const timestamp = new Date(Date.now() - (8 + (index % 300)) * DAY_MS).toISOString()
    return JSON.stringify({ mediaId: `9${index}`, mediaType: 'image', mimeType: 'image/jpeg', timestamp })
  })
  for (const [index, line] of [...dead, ...UNREADABLE].entries()) lines.splice(index * 17, 0, line)
  return lines
}

function spoil(api: FakeCloudApi, sent: readonly Sent[]): void {
  for (const [index, { added }] of sent.entries()) {
    const fault = FAULTS[(index / 13) % FAULTS.length]
    if (index % 13 === 0 && fault !== undefined) api.fail({ ...fault, mediaId: added.mediaId })
  }
  // One answer never comes to the first process, so that it can't reach its end. It is among the first that are asked for.
  const { added } = sent.reduce((first, each) => (each.timestamp < first.timestamp ? each : first))
  api.fail({ on: 'look-up', kind: 'stall', mediaId: added.mediaId, times: 1 })
}

function start(
  args: readonly string[],
  api: FakeCloudApi,
): { kill(signal: NodeJS.Signals): void; ended: Promise<unknown> } {
  const { PATH = '' } = process.env
  const env = { PATH, WHATSAPP_ACCESS_TOKEN: api.accessToken }
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', ...args], { env, stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return {
    kill: (signal) => void child.kill(signal),
    ended: once(child, 'exit').then(([code, signal]: unknown[]) => signal ?? code),
  }
}

async function until(isReached: () => boolean): Promise<void> {
  while (!isReached()) await wait(20)
}

/** The media that a journal's whole lines call finished. */
function finishedIn(journal: string): Set<string> {
  const text = existsSync(journal) ? readFileSync(journal, 'utf8') : ''
  const records = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .matchAll(/"mediaId":"(\d+)".*"is":"(?:archived|there|gone)"/g)
  return new Set([...records].map(([, mediaId]) => String(mediaId)))
}

function mediaIdIn(url: string): string {
  const { pathname, searchParams } = new URL(url, 'http://127.0.0.1')
  return searchParams.get('mid') ?? pathname.slice(pathname.lastIndexOf('/') + 1)
}

function expectReport(path: string, expected: { count: number; there: number; gone: number }): void {
  const { count, there, gone } = expected
  const report = JSON.parse(readFileSync(path, 'utf8'))
  expect(report).toMatchObject({ entries: count, gone, failed: 0, left: 0, complete: true, unreadable: 2 })
  expect(report.archived + report.alreadyThere + report.gone + report.failed).toBe(count)
  // What was stored at the kill, and not yet in the journal, is found by the second process.
  expect(report.alreadyThere).toBeGreaterThanOrEqual(there)
  expect(report.alreadyThere).toBeLessThanOrEqual(there + CONCURRENCY)
  expect(report.goneEntries).toHaveLength(gone)
  expect(new Set(report.goneEntries.map(({ mediaId }: { mediaId: string }) => mediaId)).size).toBe(gone)
  expect(report.goneEntries.every(({ ageDays }: { ageDays: number }) => ageDays >= 8)).toBe(true)
  expect(report.unreadableLines).toHaveLength(2)
}

/** One object for each file, with its bytes, and nothing else. */
function expectObjects(objects: string, sent: readonly Sent[]): void {
  const files = readdirSync(objects, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => path.includes(`/whatsapp-media/${ACCOUNT}/`))
  const hashes = files.map((path) => createHash('sha256').update(readFileSync(path)).digest('hex'))
  expect(hashes.sort()).toEqual(sent.map(({ added }) => added.sha256).sort())
}
