import { describe, expect, it } from 'vitest'
import type { Account } from '../../src/media-archive/accounts.js'
import type { MediaArchive, MediaArchiveOptions } from '../../src/media-archive.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { addPhoto, buildAccount, create, jpeg, storage } from './archive-scene.js'

const other = createMemoryStorage()
const BASE_URL = 'https://files.example'
const site = { baseUrl: BASE_URL, secret: 'of-the-archive-1234' }

/** What an archive was given, and what each caller would like to have in its place. */
const WISHES: readonly [option: string, value: unknown][] = [
  ['storage', other],
  ['prefix', 'elsewhere/'],
  ['keyLayout', { build: () => 'elsewhere', parse: () => ({ accountId: 'pixels' }) }],
  ['maxBytes', 1],
  ['sniff', 'refuse'],
  ['integrity', 'report'],
  ['attempts', 9],
  ['timeouts', { storageMs: 1 }],
  ['cloudApi', { baseUrl: 'http://127.0.0.1:9', mediaHosts: ['http://127.0.0.1:9'] }],
  ['http', { request: () => Promise.reject(new Error('of the caller')) }],
  ['accessToken', 'of-the-caller'],
  ['appSecret', 'of-the-caller'],
  ['onEvent', () => {}],
  ['onArchived', () => {}],
  ['accounts', () => undefined],
  ['queue', { enqueue: async () => {} }],
]

/** An account has these by right. */
const ACCOUNT = ['accessToken', 'appSecret']

type Call = (archive: MediaArchive, key: string, options: { accountId: string }) => Promise<unknown>

/** The calls that take an account's key. */
const KEY_CALLS: readonly [name: string, Call][] = [
  ['exists', (archive, key, options) => archive.exists(key, options)],
  ['open', async (archive, key, options) => (await archive.open(key, options))?.body.toArray()],
  ['signUrl', (archive, key, options) => archive.signUrl(key, options)],
  ['signUrls', (archive, key, options) => archive.signUrls([key], options)],
  ['upload', (archive, _, options) => archive.upload(jpeg, options)],
  ['delete', (archive, key, options) => archive.delete(key, options)],
]

/** An archive whose signed URLs can be told from others. */
async function start(more: Partial<MediaArchiveOptions> = {}) {
  const archive = create({ storage: createMemoryStorage(site), ...more })
  const media = await addPhoto()
  const { key } = await archive.archive(media)
  return { archive, media, key }
}

describe("the archive's own options win over", () => {
  it.each(WISHES)("a caller's %s, which each call refuses by its name", async (option, value) => {
    const { archive, media, key } = await start()
    const refusal = { code: 'invalid-option', option }
    for (const [, call] of KEY_CALLS) {
      await expect(call(archive, key, { accountId: 'pixels', ...{ [option]: value } })).rejects.toMatchObject(refusal)
    }
    await expect(archive.archive(media, { ...{ [option]: value } })).rejects.toMatchObject(refusal)
    await expect(archive.keyOf(media, { ...{ [option]: value } })).rejects.toMatchObject(refusal)
    expect(other.keys()).toEqual([])
  })

  it.each(WISHES.filter(([option]) => !ACCOUNT.includes(option)))("an account's %s", async (option, value) => {
    // An account may be a database's document: it may have a field of any name.
    const account: Account = { ...{ [option]: value }, ...buildAccount() }
    const { archive, media, key } = await start({ accounts: () => account })
    expect(key).toBe(await archive.keyOf(media))
    expect(key).toMatch(/^whatsapp-media\/pixels\/.+\.jpg$/)
    expect(await archive.exists(key, { accountId: 'pixels' })).toBe(true)
    expect(other.keys()).toEqual([])
  })

  it.each(KEY_CALLS)('what the options of %s inherit', async (name, call) => {
    const { archive, key } = await start()
    const options: { accountId: string } = Object.create(Object.fromEntries(WISHES), {
      accountId: { value: 'pixels', enumerable: true },
    })
    const result = await call(archive, key, options)
    if (name.startsWith('sign')) expect(JSON.stringify(result)).toContain(BASE_URL)
    expect(await archive.exists(key, { accountId: 'pixels' })).toBe(name !== 'delete')
    expect([other.keys(), storage.keys()]).toEqual([[], []])
  })
})
