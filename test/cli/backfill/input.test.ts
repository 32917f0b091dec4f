import { expect, it } from 'vitest'
import { createFinishedEntries, type FinishedEntries } from '../../../src/cli/backfill/finished-entries.js'
import { type BackfillEntry, type InputCounts, readEntries } from '../../../src/cli/backfill/input.js'
import { toCheckNumber } from '../../../src/cli/backfill/journal.js'

const WEEK_MS = 604_800_000
const SENT = new Date(Date.now() - 86_400_000).toISOString()
const lineOf = (mediaId: string, more: object = {}) =>
  JSON.stringify({ mediaId, mediaType: 'image', timestamp: SENT, phoneNumberId: '1', ...more })

async function read(
  lines: readonly string[],
  options: { finished?: FinishedEntries; accountId?: string } = {},
): Promise<{ entries: BackfillEntry[]; counts: InputCounts; unreadable: unknown[] }> {
  const { finished = createFinishedEntries(), accountId = 'pixels' } = options
  const counts = { lines: 0, entries: 0, bytes: 0, isAtEnd: false }
  const unreadable: unknown[] = []
  const source = async function* (): AsyncGenerator<Uint8Array> {
    for (const line of lines) yield Buffer.from(`${line}\n`)
  }
  const entries: BackfillEntry[] = []
  const account = { accountId, accessToken: 'token', mediaLifetimeMs: WEEK_MS }
  const input = readEntries(source(), {
    accountFor: (phoneNumberId) => (phoneNumberId === '404' ? undefined : account),
    finished,
    counts,
    onUnreadable: (line, problem) => unreadable.push([line, problem]),
  })
  for await (const entry of input) entries.push(entry)
  return { entries, counts, unreadable }
}

/** As a journal would know them. */
function finishedOf(entries: readonly BackfillEntry[]): FinishedEntries {
  const finished = createFinishedEntries()
  for (const { name } of entries) finished.add(name.place, toCheckNumber(name.id))
  return finished
}

it('readEntries makes jobs, with place and line, and passes over empty and unreadable lines', async () => {
  const { entries, counts, unreadable } = await read([lineOf('1'), '', ' \r', 'x', lineOf('2', { sha256: 'no hash' })])
  expect(entries).toMatchObject([
    { name: { place: 0, line: 1, mediaId: '1', accountId: 'pixels' }, job: { version: 1, media: { mediaId: '1' } } },
    { name: { place: 1, line: 5, mediaId: '2' }, endsAt: Date.parse(SENT) + WEEK_MS },
  ])
  expect(unreadable).toEqual([[4, 'is no JSON']])
  expect(counts).toMatchObject({ lines: 3, entries: 2, isAtEnd: true })
})

it('readEntries asks twice for fresh media that is gone, and once for older', async () => {
  const now = new Date().toISOString()
  const { entries } = await read([lineOf('1'), lineOf('2', { timestamp: now })])
  expect(entries.map((entry) => (entry.kind === 'job' ? entry.job.faults : entry))).toEqual([
    { 'media-gone': 1 },
    undefined,
  ])
})

it('readEntries says which entries nobody can archive, and shows no message id', async () => {
  const undated = { entry: [{ changes: [{ value: { messages: [{ id: 'wamid.A', image: { id: '7' } }] } }] }] }
  const lines = [
    lineOf('1', { phoneNumberId: '404' }),
    JSON.stringify(undated),
    lineOf('wamid.B', { phoneNumberId: '404' }),
  ]
  const { entries } = await read([...lines, lineOf('wamid.C')])
  expect(entries).toMatchObject([
    { name: { place: 0, mediaId: '1' }, error: { code: 'unknown-number' } },
    { name: { place: 1, line: 2 }, error: { code: 'invalid-option' } },
    { name: { place: 2 }, error: { code: 'unknown-number' } },
    { name: { place: 3 }, job: {} },
  ])
  expect(JSON.stringify(entries.map(({ name }) => name))).not.toContain('wamid')
})

it('readEntries says how long a line may be', async () => {
  const { entries, unreadable } = await read(['x'.repeat(16_777_217), lineOf('1')])
  expect(entries).toHaveLength(1)
  expect(unreadable).toEqual([[1, 'is longer than 16777216 bytes']])
})

it('readEntries leaves out what is finished', async () => {
  const lines = Array.from({ length: 2_100 }, (_, index) => lineOf(String(index)))
  const all = (await read(lines)).entries
  const isFinished = ({ name: { place } }: BackfillEntry): boolean => place % 3 === 0 && place < 1_500
  const { entries, counts } = await read(lines, { finished: finishedOf(all.filter(isFinished)) })
  expect(entries.map(({ name }) => name)).toEqual(all.filter((entry) => !isFinished(entry)).map(({ name }) => name))
  expect(counts.entries).toBe(2_100)
})

it('readEntries refuses an input that is not the one of the journal, before it gives out anything of it', async () => {
  const lines = ['1', '2', '3'].map((mediaId) => lineOf(mediaId))
  const { entries } = await read(lines)
  const refused = { code: 'invalid-option', message: expect.stringContaining('was written for another input') }
  const swapped = [lineOf('2'), lineOf('1'), lineOf('3')]
  for (const other of [[lineOf('9'), ...lines.slice(1)], [], lines.slice(0, 2)]) {
    await expect(read(other, { finished: finishedOf(entries) })).rejects.toMatchObject(refused)
  }
  await expect(read(swapped, { finished: finishedOf(entries.slice(0, 1)) })).rejects.toMatchObject(refused)
  await expect(read(lines, { finished: finishedOf(entries), accountId: 'other' })).rejects.toMatchObject(refused)
  await expect(read(lines, { finished: finishedOf(entries) })).resolves.toMatchObject({ entries: [] })
})
