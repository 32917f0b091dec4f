import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { type BackfillJournal, openJournal } from '../../../src/cli/backfill/journal.js'
import type { BackfillRecord } from '../../../src/cli/backfill/record.js'
import { describeReport, summarize, writeReport } from '../../../src/cli/backfill/report.js'
import { temporaryFolder } from '../command-context.js'

const name = (place: number) => ({ place, line: place + 1, id: '0123456789', mediaId: String(place) })
const RECORDS: readonly BackfillRecord[] = [
  { ...name(0), is: 'archived', key: 'k/0', bytes: 2_000_000 },
  { ...name(1), is: 'there', key: 'k/1', bytes: 6 },
  { ...name(2), is: 'gone', ageDays: 8.5 },
  { ...name(3), is: 'gone', ageDays: 80 },
  { ...name(4), is: 'failed', code: 'size-limit', reason: 'too large' },
  { ...name(5), is: 'failed', code: 'graph-api', reason: 'no' },
  { ...name(6), is: 'failed', code: 'graph-api', reason: 'no' },
  { is: 'unreadable', line: 9, problem: 'is no JSON' },
]

async function journalOf(records: readonly BackfillRecord[]): Promise<{ journal: BackfillJournal; folder: string }> {
  const folder = temporaryFolder()
  const journal = await openJournal(join(folder, 'journal'))
  onTestFinished(journal.close)
  for (const record of records) journal.add(record)
  return { journal, folder }
}

const inputOf = (entries: number, isAtEnd = true) => ({ entries, lines: entries + 1, bytes: 1, isAtEnd })

it('summarize adds up, with what is left', async () => {
  const { journal } = await journalOf(RECORDS)
  expect(summarize(journal, inputOf(7))).toMatchObject({
    entries: 7,
    alreadyThere: 1,
    left: 0,
    complete: true,
    lines: 8,
  })
  expect(summarize(journal, inputOf(10))).toMatchObject({ entries: 10, left: 3, complete: false })
  expect(summarize(journal, inputOf(7, false))).toMatchObject({ left: 0, complete: false })
  // Three that an earlier run has finished and this one has not read.
  for (const place of [100, 101, 102]) journal.finished.add(place, 1)
  expect(summarize(journal, inputOf(4))).toMatchObject({ entries: 7, left: 0 })
})

it('describeReport lists reasons and ages', async () => {
  const { journal } = await journalOf(RECORDS)
  expect(describeReport(summarize(journal, inputOf(7)))).toBe(
    [
      'archived                   1  2.0 MB',
      'already there              1',
      'gone for good              2  8.5 to 80 days old',
      'failed                     3  graph-api 2, size-limit 1',
      'media items                7',
      'unreadable lines           1',
      '',
    ].join('\n'),
  )
})

it('describeReport says what an interrupt has left', async () => {
  const { journal } = await journalOf([])
  const text = describeReport(summarize(journal, inputOf(12_345, false)))
  expect(text).toContain('left                  12,345  run the same command again\n')
  expect(text).toContain('media items           12,345  so far\n')
  expect(text).toContain('gone for good              0\n')
})

it("writeReport writes one JSON object, whole, without the journal's own names", async () => {
  const { journal, folder } = await journalOf(RECORDS)
  const path = join(folder, 'report.json')
  const summary = summarize(journal, inputOf(7))
  await writeReport(path, summary, journal)
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
    ...summary,
    goneEntries: [
      { line: 3, mediaId: '2', ageDays: 8.5 },
      { line: 4, mediaId: '3', ageDays: 80 },
    ],
    failedEntries: [
      { line: 5, mediaId: '4', code: 'size-limit', reason: 'too large' },
      { line: 6, mediaId: '5', code: 'graph-api', reason: 'no' },
      { line: 7, mediaId: '6', code: 'graph-api', reason: 'no' },
    ],
    unreadableLines: [{ line: 9, problem: 'is no JSON' }],
  })
  expect(readdirSync(folder).sort()).toEqual(['journal', 'report.json'])
})

it('writeReport takes more entries than a buffer holds', async () => {
  const gone = Array.from({ length: 2_000 }, (_, place): BackfillRecord => ({ ...name(place), is: 'gone', ageDays: 9 }))
  const { journal, folder } = await journalOf(gone)
  const path = join(folder, 'report.json')
  await writeReport(path, summarize(journal, inputOf(2_000)), journal)
  expect(JSON.parse(readFileSync(path, 'utf8')).goneEntries).toHaveLength(2_000)
})

it('writeReport leaves nothing behind when it fails', async () => {
  const { journal, folder } = await journalOf([])
  const summary = summarize(journal, inputOf(0))
  await expect(writeReport(join(folder, 'no/report'), summary, journal)).rejects.toMatchObject({ code: 'ENOENT' })
  const taken = join(folder, 'taken')
  mkdirSync(join(taken, 'by'), { recursive: true })
  await expect(writeReport(taken, summary, journal)).rejects.toThrow()
  expect(existsSync(`${taken}.part`)).toBe(false)
})
