import { constants, createReadStream } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { InvalidOptionError, WhatsAppMediaError } from '../errors.js'
import { defined } from '../json.js'
import { createMediaArchive, type MediaArchive, type MediaArchiveOptions } from '../media-archive.js'
import { type AccountFinder, parseCloudApi, readAccounts } from './accounts.js'
import { type InputCounts, type JobEntry, readEntries } from './backfill/input.js'
import { type BackfillJournal, openJournal } from './backfill/journal.js'
import { createProgressDrawer } from './backfill/progress.js'
import type { BackfillRecord, EntryEnd } from './backfill/record.js'
import { describeReport, summarize, writeReport } from './backfill/report.js'
import { type BackfillRun, type RunOptions, startRun } from './backfill/run.js'
import { type CommandContext, EXIT, toOneLine } from './command.js'
import { describeSystemFault, refusePath } from './file-faults.js'
import { type Flags, getText, parseCount, STDIN } from './flags.js'
import { openStorage } from './open-storage.js'
import { createStatusLine } from './progress.js'

/** Transfers of `backfill` at once, and its entries in memory. */
export const DEFAULT_TRANSFERS = 8
export const WINDOW_ENTRIES = 10_000
/** A token from the environment that Meta rejects so often, minutes apart, does not recover by itself. */
const MOST_PAUSES = 3
/** Problems printed on the way; the report has them all. */
const MOST_PRINTED = 20

/**
 * `backfill <file>`: archives all media of saved webhooks, media ids or message documents, one a line (see `readLine`), and
 * prints a report. The next run goes on where this one was stopped or killed, and tries failed entries again.
 * Memory does not depend on the input's size, but for a bit an entry when a run goes on.
 *
 * @returns the exit code.
 * @throws InvalidOptionError before the first request.
 */
export async function runBackfill(file: string, flags: Flags, context: CommandContext): Promise<number> {
  const { env, stderr, interrupts } = context
  const settings = await readSettings(file, flags, env)
  const { accountFor, concurrency, windowEntries, inputBytes } = settings
  const { storage, keys } = openStorage(flags, { env: env, use: 'written' })
  const journal = await openJournal(settings.journal).catch(
    refusePath({ option: '--journal', path: settings.journal, use: 'written' }),
  )
  const source = file === STDIN ? context.stdin : createReadStream(file)
  const input: InputCounts = { lines: 0, entries: 0, bytes: 0, isAtEnd: false }
  let run: BackfillRun | undefined
  const waiting = (): number => run?.waiting() ?? 0
  const status = createStatusLine(stderr, createProgressDrawer({ totals: journal.totals, input, inputBytes, waiting }))
  const print = (line: string): void => status.around(() => void stderr.write(`${toOneLine(line)}\n`))
  const archiving = createArchiving(settings, { storage, ...keys, ...parseCloudApi(flags, env) }, print)
  const add = createRecorder(journal, print)
  const onUnreadable = (line: number, problem: string): void => add({ is: 'unreadable', line, problem })
  const onStop = (): void => {
    source.destroy()
    print('Stopping: transfers under way finish first. Ctrl-C again stops at once.')
  }
  interrupts.stop.addEventListener('abort', onStop, { once: true })
  try {
    run = startRun({
      entries: readEntries(source, { accountFor, finished: journal.finished, counts: input, onUnreadable }),
      ...archiving,
      onEnd: (name, end) => add({ ...name, ...end }),
      concurrency,
      windowEntries,
      interrupts,
    })
    const problem = await run.ended.then(() => undefined, describeProblem)
    status.end()
    if (problem !== undefined) stderr.write(`${toOneLine(problem)}\n`)
    const code = await printReport({ journal, input, path: settings.report }, context)
    return problem === undefined ? code : EXIT.unusable
  } finally {
    status.end()
    source.destroy()
    journal.close()
    await archiving.close()
  }
}

/** Prints the report and writes it to `path`. @returns the exit code. */
async function printReport(
  { journal, input, path }: { journal: BackfillJournal; input: InputCounts; path: string | undefined },
  { stdout, interrupts }: CommandContext,
): Promise<number> {
  const summary = summarize(journal, input)
  stdout.write(describeReport(summary))
  if (path !== undefined) {
    await writeReport(path, summary, journal).catch(refusePath({ option: '--report', path, use: 'written' }))
  }
  if (interrupts.stop.aborted) return EXIT.interrupted
  return summary.gone + summary.failed + summary.unreadable === 0 ? EXIT.done : EXIT.incomplete
}

/** The archive, with its results and rejected tokens for the run. */
function createArchiving(
  { accountFor, maxGonePerHour }: Pick<BackfillSettings, 'accountFor' | 'maxGonePerHour'>,
  options: Pick<MediaArchiveOptions, 'storage' | 'prefix' | 'cloudApi' | 'http'>,
  print: (line: string) => void,
): Pick<RunOptions, 'processJob' | 'archived' | 'isTokenDead'> & Pick<MediaArchive, 'close'> {
  const stored = new Map<string, EntryEnd>()
  const pauses = new Map<string, number>()
  const deadTokens = new Set<string>()
  const joinIds = (accountId: string, id: string): string => JSON.stringify([accountId, id])
  const archive = createMediaArchive({
    ...options,
    accounts: accountFor,
    ...defined({ maxGonePerHour }),
    onArchived({ accountId, mediaId, alreadyStored, key, size }) {
      stored.set(joinIds(accountId, mediaId), { is: alreadyStored ? 'there' : 'archived', key, bytes: size })
    },
    onEvent(event) {
      if (event.type !== 'account-paused') return
      const { accountId, forSeconds } = event
      if (event.reason === 'rate-limit') print(`account ${accountId} waits for ${forSeconds} s: it is at a limit`)
      // The run itself ends what a storage refuses that is set up wrongly.
      if (event.reason !== 'access-token') return
      const number = joinIds(accountId, event.phoneNumberId)
      const times = (pauses.get(number) ?? 0) + 1
      pauses.set(number, times)
      if (times === MOST_PAUSES) deadTokens.add(number)
      print(`account ${accountId} waits for ${forSeconds} s: Meta rejects its token`)
    },
  })
  return {
    processJob: archive.processJob,
    close: () => archive.close({ timeoutMs: 0 }),
    isTokenDead: ({ accountId, media }) => deadTokens.has(joinIds(accountId, media.phoneNumberId)),
    archived({ job: { accountId, media } }: JobEntry) {
      const name = joinIds(accountId, media.mediaId)
      const end = stored.get(name)
      stored.delete(name)
      /* v8 ignore next -- @preserve a job is done only after onArchived has had its media */
      if (end === undefined) throw new Error('the archive did not report a job that is done')
      // An object that was stored before may have needed no token.
      if (end.is === 'archived') {
        const number = joinIds(accountId, media.phoneNumberId)
        pauses.delete(number)
        deadTokens.delete(number)
      }
      return end
    },
  }
}

/** Writes records into the journal, and prints the first problems. */
function createRecorder(journal: BackfillJournal, print: (line: string) => void): (record: BackfillRecord) => void {
  let problems = 0
  return (record) => {
    journal.add(record)
    const problem = findRecordProblem(record)
    if (problem === undefined || ++problems > MOST_PRINTED) return
    print(`line ${record.line}: ${problem}${problems === MOST_PRINTED ? '; further ones are in the report' : ''}`)
  }
}

function findRecordProblem(record: BackfillRecord): string | undefined {
  if (record.is === 'failed') return `${record.code}: ${record.reason}`
  return record.is === 'unreadable' ? record.problem : undefined
}

interface BackfillSettings {
  accountFor: AccountFinder
  journal: string
  report: string | undefined
  concurrency: number
  windowEntries: number
  maxGonePerHour: number | undefined
  /** Undefined for a stream. */
  inputBytes: number | undefined
}

async function readSettings(file: string, flags: Flags, env: CommandContext['env']): Promise<BackfillSettings> {
  const inputBytes = file === STDIN ? undefined : await readInputSize(file)
  const journal = getText(flags, 'journal') ?? (inputBytes === undefined ? undefined : `${file}.journal`)
  if (journal === undefined)
    throw new InvalidOptionError({ option: '--journal', problem: 'is needed when the input is a stream' })
  const report = getText(flags, 'report')
  if (report !== undefined && [file, journal].some((path) => resolve(path) === resolve(report))) {
    throw new InvalidOptionError({ option: '--report', problem: 'must be another file than the input and the journal' })
  }
  if (report !== undefined) {
    // It is written at the end: a slip must not show only after hours.
    const refuse = refusePath({ option: '--report', path: report, use: 'written' })
    await access(join(dirname(report), '.', '/'), constants.W_OK).catch(refuse)
  }
  return {
    accountFor: await readAccounts(flags, env),
    journal,
    report,
    concurrency: parseCount(flags, 'concurrency', { most: 256 }) ?? DEFAULT_TRANSFERS,
    windowEntries: parseCount(flags, 'window', { most: 1_000_000 }) ?? WINDOW_ENTRIES,
    maxGonePerHour: parseCount(flags, 'maxGonePerHour', { most: 1_000_000 }),
    inputBytes,
  }
}

/** Undefined for a stream; a named pipe is one. */
async function readInputSize(file: string): Promise<number | undefined> {
  const stats = await stat(file).catch(refusePath({ option: '<file>', path: file, use: 'read' }))
  if (stats.isDirectory()) throw new InvalidOptionError({ option: '<file>', problem: 'must be a file, got a folder' })
  return stats.isFile() ? stats.size : undefined
}

/** The reason why a run ended early. @throws the error of an input that is not the journal's: it has nothing to report. */
function describeProblem(error: unknown): string {
  if (WhatsAppMediaError.is(error) && error.code === 'invalid-option') throw error
  return WhatsAppMediaError.is(error) ? error.message : `Stopped: ${describeSystemFault(error)}`
}
