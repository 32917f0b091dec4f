import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { runBackfill } from '../../src/cli/backfill.js'
import { STDIN } from '../../src/cli/flags.js'
import { createFakeCloudApi, type FakeCloudApi, type FakeMedia } from '../../src/testing/fake-cloud-api.js'
import { createContext, type TestContext, temporaryFolder } from './command-context.js'

const DAY_MS = 86_400_000

let api: FakeCloudApi
let folder: string
let input: string
let flags: Record<string, unknown>
let env: Record<string, string>

beforeEach(async () => {
  api = await createFakeCloudApi()
  onTestFinished(() => api.close())
  folder = temporaryFolder()
  input = join(folder, 'saved.jsonl')
  env = { WHATSAPP_ACCESS_TOKEN: api.accessToken }
  flags = { account: 'pixels', directory: join(folder, 'objects'), cloudApi: api.origin, mediaHost: api.origin }
})

async function addLine(more: Partial<FakeMedia> & { ageDays?: number; known?: object } = {}): Promise<string> {
  const { ageDays = 1, known = {}, ...media } = more
  const { mediaId } = await api.addMedia({
    bytes: Buffer.from('%PDF-1.4'),
    mimeType: 'application/pdf',
    mediaType: 'document',
    ...media,
  })
  const timestamp = new Date(Date.now() - ageDays * DAY_MS).toISOString()
  return JSON.stringify({
    mediaId,
    mediaType: 'document',
    mimeType: 'application/pdf',
    timestamp,
    phoneNumberId: '1',
    ...known,
  })
}

const write = (...lines: readonly string[]) => writeFileSync(input, lines.map((line) => `${line}\n`).join(''))
const contextOf = (more: object = {}): TestContext => createContext({ env, ...more })
// Whole segments: the ids and hashes of other media are drawn by lot, and may have these digits in them.
const requestsFor = (mediaId: string) => api.requests.filter(({ url }) => url.split(/[/?]/).includes(mediaId)).length

it('runBackfill archives all, and a second run asks for nothing', async () => {
  write(await addLine(), '', await addLine({ known: { mimeType: undefined } }), '{"entry":[]}')
  const context = contextOf()
  expect(await runBackfill(input, flags, context)).toBe(0)
  expect(context.out()).toContain('archived                   2  16 B\n')
  expect(context.err()).toBe('')
  const asked = api.requests.length
  const again = contextOf()
  expect(await runBackfill(input, flags, again)).toBe(0)
  expect(again.out()).toBe(context.out())
  expect(api.requests).toHaveLength(asked)
})

it('runBackfill goes on with what an input has gained', async () => {
  write(await addLine())
  await runBackfill(input, flags, contextOf())
  appendFileSync(input, `${await addLine()}\n`)
  const context = contextOf()
  expect(await runBackfill(input, flags, context)).toBe(0)
  expect(context.out()).toContain('media items                2\n')
})

it('runBackfill finds what is there, by the journal of nobody', async () => {
  write(await addLine({ ageDays: 40 }))
  await runBackfill(input, { ...flags, journal: join(folder, 'one') }, contextOf())
  const [asked, context] = [api.requests.length, contextOf()]
  expect(await runBackfill(input, { ...flags, journal: join(folder, 'other') }, context)).toBe(0)
  expect(context.out()).toContain('already there              1\n')
  expect(api.requests).toHaveLength(asked)
})

it('runBackfill reports what is gone, failed and unreadable, tries again only what failed, and writes the report', async () => {
  const gone = JSON.stringify({ mediaId: '404', mediaType: 'image', timestamp: new Date(Date.now() - 9 * DAY_MS) })
  const young = JSON.stringify({ mediaId: '405', mediaType: 'image', timestamp: new Date(Date.now() - 2 * DAY_MS) })
  const large = await addLine({
    bytes: { size: 200_000_000, sha256: 'ab'.repeat(32), stream: () => Readable.from([]) },
  })
  write(gone, young, 'no JSON', large, await addLine())
  const report = join(folder, 'report.json')
  const context = contextOf()
  expect(await runBackfill(input, { ...flags, report }, context)).toBe(1)
  expect(context.err()).toMatch(/^line 3: is no JSON\nline 4: size-limit: [^\n]+\n$/)
  const written = JSON.parse(readFileSync(report, 'utf8'))
  expect(written).toMatchObject({
    ...{ entries: 4, archived: 1, gone: 2, failed: 1, left: 0, complete: true, unreadable: 1, lines: 5 },
    goneEntries: [
      { mediaId: '405', line: 2, ageDays: 2 },
      { mediaId: '404', line: 1, ageDays: 9 },
    ],
    failedEntries: [{ line: 4, code: 'size-limit' }],
    unreadableLines: [{ line: 3, problem: 'is no JSON' }],
  })
  expect([requestsFor('404'), requestsFor('405')]).toEqual([1, 1])
  const asked = api.requests.length
  expect(await runBackfill(input, { ...flags, report }, contextOf())).toBe(1)
  expect(api.requests).toHaveLength(asked + 1)
  expect(JSON.parse(readFileSync(report, 'utf8'))).toEqual(written)
})

it('runBackfill reports the first problems only', async () => {
  write(...Array.from({ length: 30 }, () => 'no JSON'))
  const context = contextOf()
  expect(await runBackfill(input, flags, context)).toBe(1)
  const told = context.err().trim().split('\n')
  expect(told).toHaveLength(20)
  expect(told.at(-1)).toBe('line 20: is no JSON; further ones are in the report')
  expect(context.out()).toContain('unreadable lines          30\n')
})

it('runBackfill serves many accounts, and none by default', async () => {
  const accounts = join(folder, 'accounts.json')
  writeFileSync(
    accounts,
    JSON.stringify({ 1: { accountId: 'one', tokenVariable: 'ONE' }, 2: { accountId: 'two', tokenVariable: 'TWO' } }),
  )
  env = { ONE: api.accessToken, TWO: api.accessToken }
  write(
    await addLine(),
    await addLine({ known: { phoneNumberId: '2' } }),
    await addLine({ known: { phoneNumberId: '3' } }),
  )
  const { account, ...rest } = flags
  const context = contextOf()
  expect(await runBackfill(input, { ...rest, accounts }, context)).toBe(1)
  expect(context.out()).toContain('failed                     1  unknown-number 1\n')
  const journal = readFileSync(`${input}.journal`, 'utf8')
  expect(journal).toMatch(/"key":"whatsapp-media\/one\//)
  expect(journal).toMatch(/"key":"whatsapp-media\/two\//)
})

it('runBackfill reports that an account waits, and Ctrl-C ends the wait', async () => {
  api.fail({ on: 'look-up', kind: 'status', status: 401 })
  write(await addLine())
  const context = contextOf()
  const running = runBackfill(input, flags, context)
  while (!context.err().includes('waits')) await wait(5)
  expect(context.err()).toContain('account pixels waits for 60 s: Meta rejects its token\n')
  await wait(20)
  context.interrupt()
  expect(await running).toBe(130)
  expect(context.err()).toContain('Stopping: ')
  expect(context.out()).toContain('left                       1  run the same command again\n')
  expect(context.err() + context.out()).not.toContain(api.accessToken)
})

it('runBackfill gives an account up whose token is rejected three times in a row', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  onTestFinished(() => void vi.useRealTimers())
  api.fail({ on: 'look-up', kind: 'status', status: 401 })
  write(await addLine(), await addLine())
  const context = contextOf()
  const running = runBackfill(input, { ...flags, concurrency: '1' }, context)
  for (const [pauses, seconds] of [60, 120, 240].entries()) {
    while (context.err().split('waits').length - 2 < pauses) await new Promise(setImmediate)
    expect(context.err()).toContain(`waits for ${seconds} s`)
    if (pauses < 2) await vi.advanceTimersByTimeAsync(seconds * 1_250)
  }
  expect(await running).toBe(1)
  expect(context.out()).toContain('failed                     2  access-token 2\n')
  // One for each pause; the other entry may have begun before the last one.
  expect([3, 4]).toContain(api.requests.length)
})

it('runBackfill gives up the number whose token is rejected, and no other of its account', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const accounts = join(folder, 'accounts.json')
  const row = (tokenVariable: string) => ({ accountId: 'pixels', tokenVariable })
  writeFileSync(accounts, JSON.stringify({ 1: row('DEAD'), 2: row('ALSO_DEAD'), 3: row('GOOD') }))
  env = { DEAD: 'stale-token', ALSO_DEAD: 'other-stale-token', GOOD: api.accessToken }
  write(
    await addLine(),
    await addLine({ known: { phoneNumberId: '2' } }),
    ...(await Promise.all(Array.from({ length: 3 }, () => addLine({ known: { phoneNumberId: '3' } })))),
  )
  const { account, ...rest } = flags
  const context = contextOf()
  const running = runBackfill(input, { ...rest, accounts, concurrency: '1' }, context)
  for (const [pauses, seconds] of [60, 120, 240].entries()) {
    while (context.err().split(`waits for ${seconds} s`).length < 3) await new Promise(setImmediate)
    if (pauses < 2) await vi.advanceTimersByTimeAsync(seconds * 1_250)
  }
  expect(await running).toBe(1)
  expect(context.out()).toContain('archived                   3')
  expect(context.out()).toContain('failed                     2  access-token 2\n')
})

it("runBackfill rests at a provider's limit of media that is gone", async () => {
  const lines = ['1', '2', '3'].map((mediaId) =>
    JSON.stringify({ mediaId, mediaType: 'image', timestamp: new Date(Date.now() - DAY_MS) }),
  )
  write(...lines)
  const context = contextOf()
  const running = runBackfill(input, { ...flags, maxGonePerHour: '2', concurrency: '1' }, context)
  while (!context.err().includes('waits')) await wait(5)
  expect(context.err()).toMatch(/^account pixels waits for \d+ s: it is at a limit\n/)
  await wait(20)
  context.interrupt()
  expect(await running).toBe(130)
  expect(context.out()).toContain('gone for good              2')
})

it('runBackfill reads a stream, with a journal of its own', async () => {
  const context = contextOf({ stdin: [`${await addLine()}\n`, await addLine()] })
  await expect(runBackfill(STDIN, flags, context)).rejects.toThrow('--journal is needed when the input is a stream')
  const journal = join(folder, 'journal')
  expect(await runBackfill(STDIN, { ...flags, journal, window: '1' }, context)).toBe(0)
  expect(context.out()).toContain('archived                   2')
})

it('runBackfill draws a bar on a terminal', async () => {
  write(await addLine())
  api.fail({ on: 'look-up', kind: 'stall', times: 1 })
  const context = contextOf({ isTTY: true, columns: 100 })
  const running = runBackfill(input, flags, context)
  while (!/░{30} 0 % {2}done 0/.test(context.err())) await wait(5)
  context.interrupt()
  context.interrupt()
  expect(await running).toBe(130)
  expect(context.err().endsWith('\r\u001b[K')).toBe(true)
})

it("runBackfill refuses another input's journal, and leaves its findings alone", async () => {
  write(await addLine(), await addLine())
  await runBackfill(input, flags, contextOf())
  write(await addLine(), await addLine())
  const context = contextOf()
  await expect(runBackfill(input, flags, context)).rejects.toThrow('--journal was written for another input')
  expect(context.out()).toBe('')
})

it('runBackfill ends with what it found when the input breaks off', async () => {
  const stdin = new Readable({ read: () => void stdin.destroy(Object.assign(new Error(), { code: 'EIO' })) })
  const broken = { ...contextOf(), stdin }
  expect(await runBackfill(STDIN, { ...flags, journal: join(folder, 'journal') }, broken)).toBe(2)
  expect(broken.err()).toContain("Stopped: 'EIO'\n")
  expect(broken.out()).toContain('media items                0  so far\n')
})

it('runBackfill stops when the storage takes nothing', async () => {
  write(...(await Promise.all(Array.from({ length: 25 }, () => addLine()))))
  mkdirSync(join(folder, 'taken'))
  writeFileSync(join(folder, 'taken', 'whatsapp-media'), '')
  const context = contextOf()
  expect(await runBackfill(input, { ...flags, directory: join(folder, 'taken') }, context)).toBe(2)
  expect(context.err()).toContain('the last 20 objects were refused\n')
})

it.each([
  ['no input', () => ({}), () => 'none.jsonl', '<file> can not be read, there is no such file (ENOENT): none.jsonl'],
  ['a folder as input', () => ({}), () => folder, '<file> must be a file, got a folder'],
  ['a pipe without journal', () => ({}), () => '/dev/null', '--journal is needed'],
  ['no account', () => ({ account: undefined }), () => input, '--account is needed'],
  ['the input as journal', () => ({ journal: input }), () => input, '--journal names a file that is no journal'],
  [
    'a journal in no folder',
    () => ({ journal: join(folder, 'no/j') }),
    () => input,
    '--journal can not be written, there is no such folder (ENOENT): ',
  ],
  [
    'a report in no folder',
    () => ({ report: join(folder, 'no/r') }),
    () => input,
    '--report can not be written, there is no such folder (ENOENT): ',
  ],
  [
    'a report below a file',
    () => ({ report: `${input}/r` }),
    () => input,
    '--report can not be written, a part of the path is a file and no folder (ENOTDIR): ',
  ],
  [
    'a folder that is a file',
    () => ({ directory: input }),
    () => input,
    '--directory can not be written, it is a file and no folder (EEXIST): ',
  ],
  ['the input as report', () => ({ report: `${folder}/./saved.jsonl` }), () => input, '--report must be another file'],
  ['the journal as report', () => ({ report: `${input}.journal` }), () => input, '--report must be another file'],
  ['too many at once', () => ({ concurrency: '257' }), () => input, '--concurrency must be'],
])('runBackfill refuses %s', async (_name, more, file, problem) => {
  write(await addLine())
  await expect(runBackfill(file(), { ...flags, ...more() }, contextOf())).rejects.toThrow(problem)
})
