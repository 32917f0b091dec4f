import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { runCommand } from '../../src/cli/run-command.js'
import { runSend } from '../../src/cli/send.js'
import { createFileSystemStorage } from '../../src/storage/file-system.js'
import { createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'
import { uploadToS3 } from '../../src/upload.js'
import { createContext, type TestContext, temporaryFolder } from './command-context.js'

const PDF = Buffer.concat([Buffer.from('%PDF-1.7 the contract\n'), Buffer.alloc(300_000, 'page')])
const TO = '+15550002222'
const today = new Date().toISOString().slice(0, 10)
const KEY = 'whatsapp-media/007/2026-11-22/document/7734c83f-df97-57a3-b464-52dcabe5105a.pdf'

let api: FakeCloudApi
let env: Record<string, string>
let context: TestContext
let folder: string
let directory: string
let path: string
let flags: Record<string, unknown>

beforeEach(async () => {
  api = await createFakeCloudApi()
  onTestFinished(() => api.close())
  env = { WHATSAPP_ACCESS_TOKEN: api.accessToken }
  context = createContext({ env })
  folder = temporaryFolder()
  directory = join(folder, 'objects')
  path = join(folder, 'Vertrag Müller.pdf')
  writeFileSync(path, PDF)
  flags = { account: '007', phoneNumberId: '106540352242922', to: TO, directory, cloudApi: api.origin }
})

const send = (more: object = {}, file = path): Promise<number> => runSend(file, { ...flags, ...more }, context)
const body = (at = 0): unknown => api.messages[at]?.body
const failWith = (code: number, status = 400, times = 1): void =>
  api.fail({ on: 'send', kind: 'status', status, times, body: JSON.stringify({ error: { code, message: 'no' } }) })

const sendRefused = (code: number, status = 400): Promise<number> => {
  failWith(code, status)
  return send()
}

async function store(bytes: Uint8Array = PDF, key = KEY): Promise<string> {
  await uploadToS3(bytes, { storage: createFileSystemStorage({ directory }), key })
  return key
}

describe('runSend', () => {
  it('stores a file, sends it, and prints key and message id; the same file again is there already', async () => {
    expect(await send({ caption: 'Please sign' })).toBe(0)
    const [line = '', ...others] = context.out().split('\n')
    expect(others).toEqual([''])
    const [key = '', messageId] = line.split('\t')
    expect(key).toMatch(new RegExp(`^whatsapp-media/007/${today}/document/[0-9a-f-]{36}\\.pdf$`))
    expect(api.messages).toMatchObject([
      { messageId, body: { to: TO, document: { caption: 'Please sign', filename: 'Vertrag Müller.pdf' } } },
    ])
    expect(api.uploads.map(({ bytes }) => Buffer.from(bytes).equals(PDF))).toEqual([true])
    expect(await createFileSystemStorage({ directory }).head(key)).toMatchObject({ size: PDF.length })
    expect(context.err()).toBe('')
    expect(await send()).toBe(0)
    expect(context.out().split('\n')[1]?.split('\t')[0]).toBe(key)
  })

  it('sends a stored object by its key, and stores nothing', async () => {
    const key = await store()
    expect(await send({ key: true, filename: 'Offer.pdf' }, key)).toBe(0)
    expect(context.out()).toBe(`${key}\t${api.messages[0]?.messageId}\n`)
    expect(body()).toMatchObject({ document: { filename: 'Offer.pdf' } })
    expect(api.uploads.map(({ bytes }) => Buffer.from(bytes).equals(PDF))).toEqual([true])
  })

  it.each<[string, object, object]>([
    ['recipient', { to: undefined, recipient: 'IN.2081978709342942' }, { recipient: 'IN.2081978709342942' }],
    ['group', { to: undefined, group: 'Y2FwaV9ncm91cDox' }, { to: 'Y2FwaV9ncm91cDox', recipient_type: 'group' }],
    ['caption', { caption: 'Grüße' }, { document: { caption: 'Grüße' } }],
    ['filename', { filename: 'Offer.pdf' }, { document: { filename: 'Offer.pdf' } }],
    ['replyTo', { replyTo: 'wamid.HBgL' }, { context: { message_id: 'wamid.HBgL' } }],
    ['type', { type: 'document', mime: 'image/jpeg' }, { type: 'document' }],
    ['mime', { mime: 'text/plain' }, { type: 'document' }],
  ])('hands on the option %s', async (_name, more, expected) => {
    expect(await send(more)).toBe(0)
    expect(body()).toMatchObject(expected)
  })

  it('sends a voice note', async () => {
    const note = fileURLToPath(new URL('../../samples/voice-note.ogg', import.meta.url))
    expect(await send({ voice: true }, note)).toBe(0)
    expect(body()).toMatchObject({ type: 'audio', audio: { voice: true } })
    expect(api.uploads.map(({ bytes }) => bytes.equals(readFileSync(note)))).toEqual([true])
  })

  it('sends a stored object as another kind and type', async () => {
    const key = await store(Buffer.from('plain'), KEY.replace('.pdf', '.txt'))
    expect(await send({ key: true, mime: 'text/plain', type: 'document' }, key)).toBe(0)
    expect(api.uploads).toMatchObject([{ mimeType: 'text/plain' }])
  })

  it('uploads once with --media-ids, also for the next process', async () => {
    const mediaIds = join(folder, 'ids')
    for (const to of ['+15550002222', '+15550003333', '+15550004444']) expect(await send({ mediaIds, to })).toBe(0)
    expect([api.uploads.length, api.messages.length]).toEqual([1, 3])
  })

  it('tells of a cache that fails, and sends', async () => {
    expect(await send({ mediaIds: join(path, 'no-folder') })).toBe(0)
    expect(context.err()).toMatch(/^--media-ids: [^\n]*ENOTDIR/)
  })

  it.each<[string, string[], object]>([
    ['a line', [`${TO}\n`], { to: '-' }],
    ['a line in pieces, of Windows', ['  +1555', '0002222\r', '\nanything'], { to: '-' }],
    ['a last line without its end', [TO], { to: '-' }],
    ['a user id', ['IN.2081978709342942\n'], { to: undefined, recipient: '-' }],
    ['a group', ['Y2FwaV9ncm91cDox\n'], { to: undefined, group: '-' }],
  ])('reads the recipient from standard input: %s', async (_name, stdin, more) => {
    context = createContext({ env, stdin })
    expect(await send(more)).toBe(0)
    expect(JSON.stringify(body())).toContain(stdin.join('').trim().split(/\s/)[0] ?? '?')
  })

  it('reads the recipient from the environment, where no option names one', async () => {
    context = createContext({ env: { ...env, WHATSAPP_TO: ' +15550009999 ' } })
    expect(await send({ to: undefined })).toBe(0)
    expect(await send()).toBe(0)
    expect([body(0), body(1)]).toMatchObject([{ to: '+15550009999' }, { to: TO }])
  })

  it.each<[string, object, string]>([
    ['no account', { account: undefined }, '--account is needed'],
    ['no number that sends', { phoneNumberId: undefined }, '--phone-number-id is needed'],
    ['the number in place of its id', { phoneNumberId: '+1 555 000' }, '--phone-number-id must be'],
    ['no recipient', { to: undefined }, '--to is needed (or WHATSAPP_TO), or --recipient or --group'],
    ['two recipients', { group: 'abc' }, '--to or --recipient or --group must be there alone, got two'],
    ['no number', { to: 'Müller' }, '--to must be a phone number with its country code, 6 to 17 digits, got'],
    ['a user id as a number', { to: 'IN.2081978709342942' }, 'goes into recipient'],
    ['no user id', { to: undefined, recipient: '5550002222' }, '--recipient must be a business-scoped user id'],
    ['no group', { to: undefined, group: 'a b' }, '--group must be the id of a group'],
    ['an empty number', { to: '' }, '--to must have one value'],
    ['an empty line', { to: '-' }, '--to must be the first line of standard input, which is empty'],
    ['a long caption', { caption: 'x'.repeat(1_025) }, '--caption must have at most 1024 characters, got 1025'],
    ['a kind that is none', { type: 'film' }, '--type must be image'],
    ['no voice note', { voice: true }, '--voice goes with audio, not with document'],
    ['no message id', { replyTo: 'a b' }, "--reply-to must be a message's id"],
    ['an empty MIME type', { mime: '' }, '--mime must have one value'],
    ['no storage', { directory: undefined }, '--bucket is needed'],
    ['another API over http', { cloudApi: 'http://meta.test' }, 'cloudApi.baseUrl must be an https URL'],
    ['an empty folder of ids', { mediaIds: '' }, '--media-ids must have one value'],
    ['a file as a key', { key: true, directory: '.' }, '--key '],
  ])('refuses %s, before the first request', async (_name, more, problem) => {
    const error = await send(more).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'invalid-option' })
    expect(String(error)).toContain(problem)
    expect(String(error)).not.toMatch(/Müller|5550002222/)
    expect([api.requests, context.out()]).toEqual([[], ''])
  })

  it('refuses a token that no header can have, and does not show it', async () => {
    context = createContext({ env: { WHATSAPP_ACCESS_TOKEN: 'a secret\u0001token' } })
    expect(await send()).toBe(1)
    expect(context.err()).toMatch(/^access-token: [^\n]+\n$/)
    expect(context.err()).not.toContain('secret')
    expect(api.requests).toEqual([])
  })

  it('names the variable whose number is none', async () => {
    context = createContext({ env: { ...env, WHATSAPP_TO: 'Müller' } })
    await expect(send({ to: undefined })).rejects.toThrow(/^WHATSAPP_TO must be a phone number.*got a string of 6/)
  })

  it.each<[string, () => string, string]>([
    ['is not there', () => join(folder, 'none.pdf'), '<file> can not be read, there is no such file (ENOENT)'],
    ['is a folder', () => folder, '<file> must be a file, no folder or device'],
    ['has an extension that tells no type', () => join(folder, 'x.unknown'), '--mime is needed'],
  ])('refuses a file that %s', async (_name, file, problem) => {
    writeFileSync(join(folder, 'x.unknown'), 'x')
    await expect(send({}, file())).rejects.toThrow(problem)
    expect(api.requests).toEqual([])
  })

  it.each<[string, () => Promise<number>, number, RegExp]>([
    ['a type that WhatsApp does not take', () => send({ mime: 'image/tiff' }), 2, /^outbound-type: .+\n$/],
    ["another account's key", () => send({ key: true }, KEY.replace('007', '008')), 2, /^wrong-account: .+\n$/],
    ['an object that is not there', () => send({ key: true }, KEY), 2, /^storage-failed: .*no such object.*\n$/],
    ['a refusal', () => sendRefused(131_009), 1, /^graph-api: .+\n$/],
    ['a dead token', () => sendRefused(190, 401), 1, /^access-token: .+\n$/],
  ])('ends at %s with its exit code, and says why in one line', async (_name, run, code, message) => {
    mkdirSync(directory)
    expect(await run()).toBe(code)
    expect(context.err()).toMatch(message)
    expect(context.err()).not.toContain(api.accessToken)
    expect([api.messages.length, context.out()]).toEqual([0, ''])
  })

  it('refuses what is too large, and stores nothing of it', async () => {
    writeFileSync(path, Buffer.alloc(5_242_881))
    expect(await send({ mime: 'image/jpeg' })).toBe(2)
    expect(context.err()).toMatch(/^outbound-limit: .*document/)
    expect([api.requests, readdirSync(directory)]).toEqual([[], []])
  })

  it.each([
    ['a connection that breaks after the request', { kind: 'reset' }],
    ['an error that leaves it open', { kind: 'status', status: 500, body: '{"error":{"code":131000,"message":"x"}}' }],
  ] as const)('does not take %s for a failure', async (_name, fault) => {
    api.fail({ on: 'send', times: 1, ...fault })
    expect(await send()).toBe(3)
    expect(context.err()).toContain('send-outcome-unknown: ')
    expect(context.err()).toMatch(/\nDo not send it again blindly: look in the chat first\.\n$/)
    expect([api.requests.filter(({ kind }) => kind === 'send').length, context.out()]).toEqual([1, ''])
  })

  it('tells of a wait, and sends after it', async () => {
    failWith(131_016, 503)
    expect(await send()).toBe(0)
    expect(context.err()).toMatch(/^graph-api: [^\n]+; again in \d\.\d s\n$/)
    expect(api.messages).toHaveLength(1)
  })

  it('throws what is no error of this library', async () => {
    const broken = { ...context, stdout: { write: () => expect.unreachable('written') } }
    await expect(runSend(path, flags, broken)).rejects.toThrow('written')
  })

  it('needs nothing but what a shell gives', async () => {
    const argv = ['send', path, ...Object.entries({ ...flags, to: undefined, group: 'Y2Fw' }).flatMap(toArguments)]
    const { on, off } = process
    const signals = { on: on.bind(process), off: off.bind(process) } as unknown as NodeJS.Process
    const host = { ...context, signals, exit: () => expect.unreachable(), version: '1.2.3', samples: '' }
    expect(await runCommand(argv, host)).toBe(0)
    expect(context.out()).toMatch(/\.pdf\twamid\./)
  })
})

function toArguments([name, value]: [string, unknown]): string[] {
  const dashed = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  return value === undefined ? [] : [`--${dashed}`, String(value)]
}

describe("runSend's Ctrl-C", () => {
  const isAsked = async (kind: string): Promise<void> => {
    while (!api.requests.some((request) => request.kind === kind))
      await new Promise((resolve) => setTimeout(resolve, 5))
  }

  it('ends the upload, and says that nothing was sent', async () => {
    api.fail({ on: 'upload', kind: 'stall' })
    const running = send()
    await isAsked('upload')
    context.interrupt()
    expect(await running).toBe(130)
    expect(context.err()).toBe('Stopped. No message was sent.\n')
    expect([api.messages.length, context.out()]).toEqual([0, ''])
  })

  it('waits for the answer once Meta has the message', async () => {
    api.fail({ on: 'send', kind: 'drip', bytes: 40, everyMs: 20 })
    const running = send()
    await isAsked('send')
    context.interrupt()
    expect(await running).toBe(0)
    expect(context.out()).toMatch(/\twamid\./)
    expect(context.err()).toBe('')
  })

  it('ends also that the second time, and says what is not known', async () => {
    api.fail({ on: 'send', kind: 'stall' })
    const running = send()
    await isAsked('send')
    context.interrupt()
    context.interrupt()
    expect(await running).toBe(130)
    expect(context.err()).toBe(
      'Stopped. The message may be sent or not. Do not send it again blindly: look in the chat first.\n',
    )
  })

  it('ends the wait before another try', async () => {
    failWith(130_429, 429, 99)
    const running = send()
    await isAsked('send')
    while (!context.err().includes('again in')) await new Promise((resolve) => setTimeout(resolve, 5))
    context.interrupt()
    expect(await running).toBe(130)
    expect(context.err()).toMatch(/\nStopped\. No message was sent\.\n$/)
  })

  it('ends the reading of standard input', async () => {
    const { stdin, ...rest } = createContext({ env })
    const silent = Object.assign(stdin, { read: () => null })
    const running = runSend(path, { ...flags, to: '-' }, { ...rest, stdin: silent })
    rest.interrupt()
    expect(await running).toBe(130)
    expect(rest.err()).toBe('Stopped. No message was sent.\n')
    expect(api.requests).toEqual([])
  })
})

describe("runSend's progress", () => {
  it('is a bar of the bytes stored, then of those sent, and is gone at the end', async () => {
    context = createContext({ env, isTTY: true, columns: 80 })
    expect(await send()).toBe(0)
    const shown = context.err()
    expect(shown).toMatch(/storing █+ 100 % [\s\S]*sending █+ 100 % /)
    expect(shown.endsWith('\r\u001b[K')).toBe(true)
    expect(shown).not.toMatch(/Müller|\n/)
    expect(api.uploads.map(({ bytes }) => Buffer.from(bytes).equals(PDF))).toEqual([true])
  })

  it('is that of the sending alone for a stored object, and none where Meta has it', async () => {
    const key = await store()
    const mediaIds = join(folder, 'ids')
    context = createContext({ env, isTTY: true })
    expect(await send({ key: true, mediaIds }, key)).toBe(0)
    expect(context.err()).toContain('sending')
    expect(context.err()).not.toContain('storing')
    context = createContext({ env, isTTY: true })
    expect(await send({ key: true, mediaIds, to: '+15550003333' }, key)).toBe(0)
    expect(context.err()).toBe('')
  })

  it('is gone before a failure is told, and leaves the failure as it is', async () => {
    context = createContext({ env, isTTY: true })
    mkdirSync(directory)
    expect(await send({ key: true }, KEY)).toBe(2)
    expect(context.err()).toMatch(/^storage-failed: /)
  })

  it('ends with an upload that Ctrl-C stops', async () => {
    context = createContext({ env, isTTY: true })
    api.fail({ on: 'upload', kind: 'stall' })
    const running = send()
    while (!context.err().includes('sending')) await new Promise((resolve) => setTimeout(resolve, 5))
    context.interrupt()
    expect(await running).toBe(130)
    expect(context.err()).toContain('Stopped. No message was sent.\n')
  })
})
