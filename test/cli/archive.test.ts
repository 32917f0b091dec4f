import { beforeEach, expect, it, onTestFinished } from 'vitest'
import { runArchive } from '../../src/cli/archive.js'
import { createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'
import { createContext, type TestContext, temporaryFolder } from './command-context.js'

const TIMESTAMP = '2026-11-22T10:00:00Z'
const KEY = 'whatsapp-media/007/2026-11-22/document/'

let api: FakeCloudApi
let context: TestContext
let flags: Record<string, unknown>

beforeEach(async () => {
  api = await createFakeCloudApi()
  onTestFinished(() => api.close())
  context = createContext({ env: { WHATSAPP_ACCESS_TOKEN: api.accessToken } })
  const where = { directory: temporaryFolder(), cloudApi: api.origin, mediaHost: api.origin }
  flags = { account: '007', type: 'document', timestamp: TIMESTAMP, ...where }
})

const addPdf = async (text = '%PDF-1.4') =>
  (await api.addMedia({ bytes: Buffer.from(text), mimeType: 'application/pdf', mediaType: 'document' })).mediaId

it('runArchive prints key and size of each media, again when it is there', async () => {
  const ids = [await addPdf(), await addPdf('%PDF-1.4 longer')]
  expect(await runArchive(ids, flags, context)).toBe(0)
  const lines = context.out().split('\n')
  expect(lines).toHaveLength(3)
  expect(lines[0]).toMatch(new RegExp(`^${KEY}[0-9a-f-]{36}\\.pdf\t8$`))
  expect(lines[1]).toMatch(/\.pdf\t15$/)
  expect(context.err()).toBe('')
  expect(await runArchive(ids, flags, context)).toBe(0)
  expect(context.out()).toBe(`${lines.join('\n')}${lines.join('\n')}`)
})

it('runArchive warns of a key that changes, and takes the name of the file', async () => {
  const { type, timestamp, ...rest } = flags
  expect(await runArchive([await addPdf()], { ...rest, filename: 'offer.pdf' }, context)).toBe(0)
  expect(context.err()).toContain('Without --type and --timestamp')
})

it('runArchive goes on after a failure, and reports it on one line without secrets', async () => {
  expect(await runArchive(['404', await addPdf()], flags, context)).toBe(1)
  expect(context.err()).toMatch(/^404: media-gone: [^\n]+\n$/)
  expect(context.out().split('\n')).toHaveLength(2)
  expect(context.err()).not.toContain(api.accessToken)
})

it('runArchive stops at Ctrl-C', async () => {
  api.fail({ on: 'look-up', kind: 'stall' })
  const running = runArchive([await addPdf(), await addPdf()], flags, context)
  while (api.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  context.interrupt()
  expect(await running).toBe(130)
  expect(context.out()).toBe('')
})

it.each([
  ['type', 'gif', '--type must be image, video, audio, document or sticker'],
  ['timestamp', 'yesterday', '--timestamp must be an ISO 8601 time'],
  ['filename', 'a.pdf', '--filename goes with one media id, and here are 2'],
  ['account', undefined, '--account is needed'],
  ['cloudApi', 'http://meta.test', 'cloudApi.baseUrl must be an https URL'],
])('runArchive refuses the option %s %s', async (name, value, problem) => {
  await expect(runArchive(['1', '2'], { ...flags, [name]: value }, context)).rejects.toThrow(problem)
  expect(api.requests).toEqual([])
})

it('runArchive refuses a message id in place of a media id, before the first is archived', async () => {
  await expect(runArchive([await addPdf(), 'wamid.ABC'], flags, context)).rejects.toThrow('got a message id')
  expect(api.requests).toEqual([])
})
