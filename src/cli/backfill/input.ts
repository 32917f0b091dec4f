import { type AnyWhatsAppMediaError, InvalidOptionError, UnknownNumberError } from '../../errors.js'
import type { Account } from '../../media-archive/accounts.js'
import { getMediaDeadline, type MediaReference } from '../../media-reference.js'
import { buildJobHash } from '../../queues/stored-job.js'
import type { MediaJob } from '../../queues.js'
import type { AccountFinder } from '../accounts.js'
import { type LineContent, readLine, refuseLine } from './entry.js'
import type { FinishedEntries } from './finished-entries.js'
import { toCheckNumber } from './journal.js'
import { readLines } from './lines.js'
import type { EntryName } from './record.js'

/** One media item of the input. */
export type BackfillEntry = { name: EntryName } & (
  | { kind: 'job'; job: MediaJob; endsAt: number }
  /** No attempt can archive it. */
  | { kind: 'lost'; error: AnyWhatsAppMediaError }
)

export type JobEntry = Extract<BackfillEntry, { kind: 'job' }>

/** How far the input has been read. */
export interface InputCounts {
  lines: number
  /** Finished ones included. */
  entries: number
  bytes: number
  isAtEnd: boolean
}

export interface InputOptions {
  accountFor: AccountFinder
  finished: FinishedEntries
  counts: InputCounts
  onUnreadable(line: number, problem: string): void
}

/** A webhook's body has at most 3 MB (Meta: Webhooks). */
const MAX_LINE_BYTES = 16_777_216

/** A message older than this is known to all of Meta's servers: one look-up that finds no media is enough. */
const SETTLED_MS = 3_600_000

/**
 * The entries of an input that are not finished. In a block with finished entries they come once the whole block is known
 * to be the journal's.
 *
 * @throws InvalidOptionError when it is another input; the source's own errors.
 */
export async function* readEntries(
  source: AsyncIterable<Uint8Array>,
  options: InputOptions,
): AsyncGenerator<BackfillEntry, void, undefined> {
  const { finished, counts, onUnreadable } = options
  const receivedAt = new Date().toISOString()
  let unchecked: BackfillEntry[] = []
  for await (const line of readLines(source, { maxBytes: MAX_LINE_BYTES })) {
    counts.bytes = line.end
    if (line.text?.trim() === '') continue
    counts.lines++
    const content =
      line.text === undefined ? refuseLine(`is longer than ${MAX_LINE_BYTES} bytes`) : readLine(line.text, receivedAt)
    if (content.kind === 'unreadable') {
      onUnreadable(line.number, content.problem)
      continue
    }
    for (const entry of buildEntries(content, { line: line.number, firstPlace: counts.entries, ...options })) {
      counts.entries++
      if (!isFinished(entry, finished)) unchecked.push(entry)
      if (finished.isAwaited(entry.name.place)) continue
      const checked = unchecked
      unchecked = []
      yield* checked
    }
  }
  if (finished.left() > 0) throw createOtherInputError()
  counts.isAtEnd = true
}

function isFinished({ name }: BackfillEntry, finished: FinishedEntries): boolean {
  try {
    return finished.take(name.place, toCheckNumber(name.id))
  } catch {
    throw createOtherInputError()
  }
}

function createOtherInputError(): InvalidOptionError {
  return new InvalidOptionError({
    option: '--journal',
    problem:
      'was written for another input, or other accounts; give this one a journal of its own: archived objects are found again',
  })
}

function* buildEntries(
  { media, lost }: LineContent,
  { line, firstPlace, accountFor }: { line: number; firstPlace: number; accountFor: AccountFinder },
): Generator<BackfillEntry> {
  let place = firstPlace
  for (const reference of media) yield buildEntry(reference, { line, place: place++, accountFor })
  for (const error of lost) yield { kind: 'lost', name: { place: place++, line, id: NO_ID }, error }
}

/** The id of entries that are never finished. */
const NO_ID = '0'.repeat(10)

function buildEntry(
  media: MediaReference,
  { line, place, accountFor }: { line: number; place: number; accountFor: AccountFinder },
): BackfillEntry {
  const { mediaId, phoneNumberId } = media
  const account = accountFor(phoneNumberId)
  // A message id in place of a media id holds a phone number.
  const shown = mediaId.startsWith('wamid.') ? {} : { mediaId }
  if (account === undefined) {
    const error = new UnknownNumberError({ phoneNumberId })
    return { kind: 'lost', name: { place, line, id: NO_ID, ...shown }, error }
  }
  const job = buildJob(media, account)
  const id = buildJobHash(job).slice(1, 11)
  const endsAt = getMediaDeadline(media, account.mediaLifetimeMs)
  return { kind: 'job', name: { place, line, id, ...shown, accountId: account.accountId }, job, endsAt }
}

function buildJob(media: MediaReference, { accountId }: Account): MediaJob {
  const job: MediaJob = { version: 1, accountId, media }
  const isSettled = Date.now() - Date.parse(media.timestamp) > SETTLED_MS
  return isSettled ? { ...job, faults: { 'media-gone': 1 } } : job
}
