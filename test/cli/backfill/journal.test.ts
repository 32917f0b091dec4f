import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type BackfillJournal, openJournal } from '../../../src/cli/backfill/journal.js'
import type { BackfillRecord } from '../../../src/cli/backfill/record.js'
import { temporaryFolder } from '../command-context.js'

const name = (place: number) => ({ place, line: place + 1, id: `00000000${10 + place}`, mediaId: '7', accountId: 'a' })
const ARCHIVED: BackfillRecord = { ...name(0), is: 'archived', key: 'k/0', bytes: 5 }
const THERE: BackfillRecord = { ...name(1), is: 'there', key: 'k/1', bytes: 6 }
const GONE: BackfillRecord = { ...name(2), is: 'gone', ageDays: 8.5 }
const OLDER: BackfillRecord = { ...name(3), is: 'gone', ageDays: 80 }
const FAILED: BackfillRecord = { ...name(4), is: 'failed', code: 'size-limit', reason: 'too large' }
const UNREADABLE: BackfillRecord = { is: 'unreadable', line: 9, problem: 'is no JSON' }
const ALL = [ARCHIVED, THERE, GONE, OLDER, FAILED, UNREADABLE]

const path = () => join(temporaryFolder(), 'journal')

/** Opens it, adds, and closes it again. */
async function write(file: string, records: readonly BackfillRecord[]): Promise<BackfillJournal['totals']> {
  const journal = await openJournal(file)
  for (const record of records) journal.add(record)
  journal.close()
  return journal.totals
}

async function recordsIn(file: string): Promise<BackfillRecord[]> {
  const journal = await openJournal(file)
  const records: BackfillRecord[] = []
  for await (const record of journal.records()) records.push(record)
  journal.close()
  return records
}

it('openJournal keeps what is finished for the next run, and forgets what failed', async () => {
  const file = path()
  const totals = { archived: 1, there: 1, gone: 2, bytes: 5, oldestGoneDays: 80, youngestGoneDays: 8.5 }
  expect(await write(file, ALL)).toEqual({ ...totals, failed: 1, unreadable: 1, failedByCode: { 'size-limit': 1 } })
  const next = await openJournal(file)
  expect(next.totals).toEqual({ ...totals, failed: 0, unreadable: 0, failedByCode: {} })
  expect(next.finished.left()).toBe(4)
  next.add(FAILED)
  expect(next.totals.failed).toBe(1)
  next.close()
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

it('records gives each finished entry once, and of the others the last run', async () => {
  const file = path()
  await write(file, ALL)
  const journal = await openJournal(file)
  for (const record of [GONE, FAILED]) journal.add(record)
  const records: BackfillRecord[] = []
  for await (const record of journal.records()) records.push(record)
  expect(records).toEqual([ARCHIVED, THERE, GONE, OLDER, FAILED])
  journal.close()
})

it('openJournal goes on after a kill at any byte, and counts no record twice', async () => {
  const file = path()
  await write(file, [ARCHIVED, GONE])
  const whole = readFileSync(file)
  for (let length = 0; length <= whole.length; length++) {
    writeFileSync(file, whole.subarray(0, length))
    const lines = whole.subarray(0, length).toString().split('\n').length - 1
    await write(file, [THERE])
    const left = [ARCHIVED, GONE].slice(0, Math.max(0, lines - 1))
    expect(await recordsIn(file)).toEqual([...left, THERE])
  }
})

it('openJournal passes over what can not be read', async () => {
  const file = path()
  await write(file, [ARCHIVED])
  const broken = [
    ...['\0\0\0\0', 'null', '{}', '{"line":3}', '{"line":3,"is":"archived"}', '{"line":3,"is":"unreadable"}'],
    ...['archived', 'there', 'gone', 'failed', 'other'].map((is) => JSON.stringify({ ...name(6), is })),
    JSON.stringify({ ...GONE, place: -1 }),
    JSON.stringify({ ...GONE, id: 'x' }),
    JSON.stringify({ ...ARCHIVED, place: 6, bytes: 1.5 }),
    'x'.repeat(70_000),
  ]
  appendFileSync(
    file,
    `${broken.join('\n')}\n${JSON.stringify({ place: 7, line: 8, id: '0'.repeat(10), is: 'gone', ageDays: 1 })}\n`,
  )
  expect((await recordsIn(file)).map((record) => ('place' in record ? record.place : record.is))).toEqual([0, 7])
})

it('openJournal refuses a file that is no journal, and leaves it as it is', async () => {
  const file = path()
  for (const text of [
    '{"entry":[]}\n',
    'no journal',
    '{"journal":"another"}\n',
    '{"journal":"whatsapp-media-archive backfill","version":2}\n',
    '\n',
    'x'.repeat(70_000),
  ]) {
    writeFileSync(file, text)
    await expect(openJournal(file)).rejects.toMatchObject({ code: 'invalid-option', option: '--journal' })
    expect(readFileSync(file, 'utf8')).toBe(text)
  }
  truncateSync(file)
  expect(await recordsIn(file)).toEqual([])
})

it('openJournal throws the error of a file that can not be opened', async () => {
  await expect(openJournal(join(temporaryFolder(), 'no/journal'))).rejects.toMatchObject({ code: 'ENOENT' })
})
