import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import { formatBytes, formatCount } from '../progress.js'
import type { InputCounts } from './input.js'
import type { BackfillJournal } from './journal.js'
import type { BackfillRecord, Totals } from './record.js'

/** How a back-fill went, all its runs together; failures and unreadable lines are the last run's. */
export interface BackfillSummary extends Omit<Totals, 'there'> {
  /** Media items in the input as far as it was read: `archived + alreadyThere + gone + failed + left`. */
  entries: number
  alreadyThere: number
  /** Neither archived nor failed for good, after an interrupt. */
  left: number
  /** Lines in the input, as far as it was read, empty ones left out. */
  lines: number
  /** The input was read to its end, and nothing is left. */
  complete: boolean
}

export function summarize({ totals, finished }: BackfillJournal, input: InputCounts): BackfillSummary {
  const { there, ...others } = totals
  // After an interrupt, entries that earlier runs finished may lie behind the part that this run read.
  const entries = input.entries + finished.left()
  const left = entries - others.archived - there - others.gone - others.failed
  return { entries, ...others, alreadyThere: there, left, lines: input.lines, complete: input.isAtEnd && left === 0 }
}

/** The report for people. */
export function describeReport(summary: BackfillSummary): string {
  const { entries, archived, alreadyThere, gone, failed, left, bytes, failedByCode, complete } = summary
  const reasons = Object.entries(failedByCode).sort(([, one], [, other]) => other - one)
  const rows: (readonly [name: string, count: number, note?: string])[] = [
    ['archived', archived, formatBytes(bytes)],
    ['already there', alreadyThere],
    ['gone for good', gone, describeAges(summary)],
    ['failed', failed, reasons.map(([code, times]) => `${code} ${formatCount(times)}`).join(', ')],
    ...(left > 0 ? [['left', left, 'run the same command again'] as const] : []),
    ['media items', entries, complete ? '' : 'so far'],
    ...(summary.unreadable > 0 ? [['unreadable lines', summary.unreadable] as const] : []),
  ]
  return rows.map(([name, count, note = '']) => describeRow(name, count, note)).join('')
}

function describeRow(name: string, count: number, note: string): string {
  return `${`${name.padEnd(16)} ${formatCount(count).padStart(11)}  ${note}`.trimEnd()}\n`
}

function describeAges({ oldestGoneDays, youngestGoneDays }: BackfillSummary): string {
  if (oldestGoneDays === undefined || youngestGoneDays === undefined) return ''
  return `${formatCount(youngestGoneDays)} to ${formatCount(oldestGoneDays)} days old`
}

/**
 * Writes the report as one JSON object: the summary, then `goneEntries`, `failedEntries` and `unreadableLines`, one item a
 * line, from the journal and not from memory. The file appears whole, or not at all.
 *
 * @throws the system's error.
 */
export async function writeReport(path: string, summary: BackfillSummary, journal: BackfillJournal): Promise<void> {
  const draft = `${path}.part`
  const file = createWriteStream(draft, { mode: 0o600 })
  try {
    await once(file, 'open')
    for await (const text of streamReport(summary, journal)) if (!file.write(text)) await once(file, 'drain')
    file.end()
    await finished(file)
    await rename(draft, path)
  } catch (error) {
    file.destroy()
    await rm(draft, { force: true })
    throw error
  }
}

const LISTS = { goneEntries: 'gone', failedEntries: 'failed', unreadableLines: 'unreadable' } as const

async function* streamReport(summary: BackfillSummary, journal: BackfillJournal): AsyncGenerator<string> {
  yield JSON.stringify(summary, null, 2).replace(/\n\}$/, '')
  for (const [name, is] of Object.entries(LISTS)) {
    yield `,\n  "${name}": [`
    let separator = '\n'
    for await (const record of journal.records()) {
      if (record.is !== is) continue
      yield `${separator}    ${JSON.stringify(toListed(record))}`
      separator = ',\n'
    }
    yield `${separator === '\n' ? '' : '\n  '}]`
  }
  yield '\n}\n'
}

/** A record without its place and id, which only the journal needs. */
function toListed(record: BackfillRecord): Record<string, unknown> {
  const { is, ...facts } = record
  if (!('place' in facts)) return facts
  const { place, id, ...shown } = facts
  return shown
}
