import { appendFileSync, closeSync, ftruncateSync, openSync, readSync } from 'node:fs'
import { InvalidOptionError } from '../../errors.js'
import { readString } from '../../json.js'
import { createFinishedEntries, type FinishedEntries } from './finished-entries.js'
import { readLines } from './lines.js'
import { addToTotals, type BackfillRecord, createTotals, isFinal, parseRecord, type Totals } from './record.js'

/**
 * The finished entries of a back-fill, in a file of JSON lines that only grows. A record is written once its object is
 * stored, so a process may be killed at any byte: the next run cuts off half a record at the end, and tries its entry
 * again. Each run starts with a line of its own.
 */
export interface BackfillJournal {
  finished: FinishedEntries
  /**
   * Kept up to date by `add`. Failed entries and unreadable lines are this run's only: each run tries failed entries
   * again, and reads all lines again.
   */
  totals: Readonly<Totals>
  /** The operating system has the record when it returns: a process that is killed then loses nothing. */
  add(record: BackfillRecord): void
  /** The records that `totals` counts, in the order of the file. */
  records(): AsyncGenerator<BackfillRecord, void, undefined>
  close(): void
}

/** The start of each run's first line, byte for byte. Another version is another journal. */
const START = '{"journal":"whatsapp-media-archive backfill","version":1,'
const MAX_RECORD_BYTES = 65_536

/** A record's `id` as the check of `FinishedEntries`. */
export function toCheckNumber(id: string): number {
  return Number.parseInt(id, 16)
}

/**
 * Opens or makes a journal, and reads what earlier runs have finished. Memory holds a bit for each entry.
 *
 * @throws InvalidOptionError for a file that is no journal, which is left as it is; the system's error for one that can't
 * be opened.
 */
export async function openJournal(path: string): Promise<BackfillJournal> {
  const file = openSync(path, 'a+', 0o600)
  try {
    const journal = await readJournal(file)
    // A record appended behind half a line would be lost with it.
    ftruncateSync(file, journal.end)
    appendFileSync(file, `${START}"startedAt":"${new Date().toISOString()}"}\n`)
    const { finished, totals } = journal
    return {
      finished,
      totals,
      add(record) {
        appendFileSync(file, `${JSON.stringify(record)}\n`)
        addToTotals(totals, record)
      },
      records: () => readCountedRecords(file),
      close: () => closeSync(file),
    }
  } catch (error) {
    closeSync(file)
    throw error
  }
}

async function readJournal(file: number): Promise<{ finished: FinishedEntries; totals: Totals; end: number }> {
  const finished = createFinishedEntries()
  const totals = createTotals()
  let end = 0
  for await (const line of readJournalLines(file)) {
    const isStart = line.text?.startsWith(START) === true || (!line.isWhole && START.startsWith(line.text ?? ' '))
    if (line.number === 1 && !isStart)
      throw new InvalidOptionError({ option: '--journal', problem: 'names a file that is no journal' })
    if (!line.isWhole) break
    end = line.end
    const record = parseRecordLine(line.text)
    if (record !== undefined && isFinal(record) && finished.add(record.place, toCheckNumber(record.id)))
      addToTotals(totals, record)
  }
  return { finished, totals, end }
}

/** Two runs at once may both have finished an entry: it counts once. */
async function* readCountedRecords(file: number): AsyncGenerator<BackfillRecord, void, undefined> {
  let runs = 0
  for await (const line of readJournalLines(file)) if (line.text?.startsWith(START) === true) runs++
  const seen = createFinishedEntries()
  for await (const line of readJournalLines(file)) {
    if (line.text?.startsWith(START) === true) runs--
    const record = parseRecordLine(line.text)
    if (record === undefined) continue
    const isCounted = isFinal(record) ? seen.add(record.place, toCheckNumber(record.id)) : runs === 0
    if (isCounted) yield record
  }
}

function readJournalLines(file: number): ReturnType<typeof readLines> {
  return readLines(readFilePieces(file), { maxBytes: MAX_RECORD_BYTES })
}

/** A read stream would close the file when its reader stops early. */
async function* readFilePieces(file: number): AsyncGenerator<Uint8Array> {
  for (let position = 0; ; ) {
    const piece = Buffer.allocUnsafe(MAX_RECORD_BYTES)
    const bytes = readSync(file, piece, 0, piece.length, position)
    if (bytes === 0) return
    position += bytes
    yield piece.subarray(0, bytes)
  }
}

/** A disk that lost its power may leave anything in the middle: an entry without a readable record is not finished. */
function parseRecordLine(line: string | undefined): BackfillRecord | undefined {
  try {
    const json: unknown = JSON.parse(line ?? '')
    return readString(json, 'journal') === undefined ? parseRecord(json) : undefined
  } catch {
    return undefined
  }
}
