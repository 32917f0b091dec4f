import { defined, isObject, parseWhole, readOwn, readString } from '../../json.js'

/** How an entry ended. */
export type EntryEnd =
  /** `there`: the object was stored before. */
  | { is: 'archived' | 'there'; key: string; bytes: number }
  /** Meta no longer has the media. `ageDays` is the message's age at that look-up. */
  | { is: 'gone'; ageDays: number }
  | { is: 'failed'; code: string; reason: string }

/** The identity of an entry. */
export interface EntryName {
  /** Its place among all entries of the input, 0 for the first. */
  place: number
  line: number
  /** Ten hex digits, different for different entries. */
  id: string
  mediaId?: string | undefined
  accountId?: string | undefined
}

/** A journal's record of one entry, or of a line that could not be read. */
export type BackfillRecord = (EntryName & EntryEnd) | UnreadableLine

interface UnreadableLine {
  is: 'unreadable'
  line: number
  problem: string
}

export interface Totals {
  archived: number
  there: number
  gone: number
  failed: number
  unreadable: number
  /** Bytes archived. */
  bytes: number
  failedByCode: Record<string, number>
  oldestGoneDays?: number | undefined
  youngestGoneDays?: number | undefined
}

export function createTotals(): Totals {
  return { archived: 0, there: 0, gone: 0, failed: 0, unreadable: 0, bytes: 0, failedByCode: {} }
}

/** Takes a record into the totals. */
export function addToTotals(totals: Totals, record: BackfillRecord): void {
  totals[record.is]++
  if (record.is === 'archived') totals.bytes += record.bytes
  if (record.is === 'failed') totals.failedByCode[record.code] = (totals.failedByCode[record.code] ?? 0) + 1
  if (record.is === 'gone') {
    totals.oldestGoneDays = Math.max(totals.oldestGoneDays ?? 0, record.ageDays)
    totals.youngestGoneDays = Math.min(totals.youngestGoneDays ?? Number.POSITIVE_INFINITY, record.ageDays)
  }
}

/** Whether no later run has to try the entry again. */
export function isFinal(record: BackfillRecord): record is EntryName & Exclude<EntryEnd, { is: 'failed' }> {
  return record.is !== 'failed' && record.is !== 'unreadable'
}

/** Reads a journal's line. @returns undefined for a line that is no record: its entry is then not finished. */
export function parseRecord(json: unknown): BackfillRecord | undefined {
  const line = parseWhole(readOwn(json, 'line'))
  if (!isObject(json) || line === undefined) return undefined
  const is = json['is']
  if (is === 'unreadable') return { is, line, problem: readString(json, 'problem') ?? '' }
  const [place, id] = [parseWhole(json['place']), readString(json, 'id')]
  if (place === undefined || id === undefined || !/^[0-9a-f]{10}$/.test(id)) return undefined
  const [mediaId, accountId] = [readString(json, 'mediaId'), readString(json, 'accountId')]
  const name: EntryName = {
    ...{ place, line, id },
    ...defined({ mediaId, accountId }),
  }
  const end = parseEnd(is, json)
  return end === undefined ? undefined : { ...name, ...end }
}

function parseEnd(is: unknown, json: Record<string, unknown>): EntryEnd | undefined {
  const { ageDays } = json
  const bytes = parseWhole(json['bytes'])
  const key = readString(json, 'key')
  if ((is === 'archived' || is === 'there') && bytes !== undefined && key !== undefined) return { is, key, bytes }
  if (is === 'gone' && typeof ageDays === 'number') return { is, ageDays }
  const [code, reason] = [readString(json, 'code'), readString(json, 'reason')]
  return is === 'failed' && code !== undefined && reason !== undefined ? { is, code, reason } : undefined
}
