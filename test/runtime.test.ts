import { afterEach, describe, expect, it, vi } from 'vitest'
import { archiveMedia } from '../src/archive.js'
import { createMediaArchive, type MediaArchive } from '../src/media-archive.js'
import { createInProcessQueue } from '../src/queues/in-process.js'
import { isCloudflareWorkers, tieToRequest } from '../src/runtime.js'
import { createFileSystemStorage } from '../src/storage/file-system.js'
import { createMemoryStorage } from '../src/storage/memory.js'
import { createFakeCloudApi } from '../src/testing/fake-cloud-api.js'
import { createWebhookHandler } from '../src/webhook.js'
import { readRefusal, refuse } from './misuse/row.js'

/*
 * Workers as workerd 1.20260730 and 1.20261117 behave: outside of a request nobody makes a socket, and nobody reads the
 * state of another request's socket. scripts/consumers/workers.mjs tries it in workerd itself.
 */

let request: symbol | undefined

class WebSocketPair {
  0: object

  constructor() {
    const own = request
    if (own === undefined) throw new Error('Disallowed operation called within global scope.')
    this[0] = {
      get readyState() {
        if (own !== request) throw new Error('Cannot perform I/O on behalf of a different request.')
        return 1
      },
    }
  }
}

function stubWorkers(): void {
  vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
  vi.stubGlobal('WebSocketPair', WebSocketPair)
}

afterEach(() => {
  vi.unstubAllGlobals()
  request = undefined
})

describe('isCloudflareWorkers()', () => {
  it.each([
    [{ userAgent: 'Cloudflare-Workers' }, true],
    [{ userAgent: 'Node.js/24' }, false],
    [{ userAgent: 'Deno/2.5.0' }, false],
    [{ userAgent: 'Bun/1.3' }, false],
    [{ userAgent: 'Mozilla/5.0 Cloudflare-Workers' }, false],
    [{}, false],
    [undefined, false],
  ])('of %o is %s', (navigator, expected) => {
    vi.stubGlobal('navigator', navigator)
    expect(isCloudflareWorkers()).toBe(expected)
  })
})

describe('tieToRequest()', () => {
  it('lets every use pass elsewhere', () => {
    expect(tieToRequest('archive')).not.toThrow()
  })

  it('refuses to be made outside of a request, and says where to make it', () => {
    stubWorkers()
    expect(() => tieToRequest('archive')).toThrow(/^archive must be made in the request .* inside fetch\(\).*waitUntil/)
  })

  it('lets uses pass in its own request, and refuses those in another and in none', () => {
    stubWorkers()
    request = Symbol('one')
    const check = tieToRequest('archive')
    expect(check).not.toThrow()
    expect(check).not.toThrow()
    request = Symbol('another')
    expect(check).toThrow(/^archive must be made in the request/)
    request = undefined
    expect(check).toThrow(/^archive must be made in the request/)
  })

  it('lets uses pass where it has nothing to see requests by', () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
    expect(tieToRequest('archive')).not.toThrow()
  })
})

describe('on Cloudflare Workers', () => {
  const makeArchive = (): MediaArchive =>
    createMediaArchive({
      storage: createMemoryStorage(),
      accounts: () => ({ accountId: 'acme', accessToken: 'token' }),
    })
  const media = { mediaId: '1', mediaType: 'image', phoneNumberId: '2' } as const
  const job = { accountId: 'acme', media: { ...media, origin: 'message' } } as const

  it('an archive is refused outside of a request', () => {
    stubWorkers()
    expect(makeArchive).toThrow(/^archive must be made in the request/)
  })

  it.each<[string, (archive: MediaArchive) => Promise<unknown>]>([
    ['enqueue', (archive) => archive.enqueue([])],
    ['archive', (archive) => archive.archive(media as never)],
    ['processJob', (archive) => archive.processJob(job as never, { attempt: 1 })],
    ['upload', (archive) => archive.upload(Buffer.from('x'), { accountId: 'acme', mimeType: 'text/plain' })],
    ['signUrl', (archive) => archive.signUrl('whatsapp-media/acme/a', { accountId: 'acme' })],
  ])("an archive's %s is refused in another request", async (_name, use) => {
    stubWorkers()
    request = Symbol('one')
    const archive = makeArchive()
    request = Symbol('another')
    await expect(use(archive)).rejects.toMatchObject({ code: 'invalid-option', option: 'archive' })
  })

  it('an archive works in its own request', async () => {
    stubWorkers()
    request = Symbol('one')
    const archive = makeArchive()
    const { key } = await archive.upload(Buffer.from('x'), { accountId: 'acme', mimeType: 'text/plain' })
    expect(key).toMatch(/^whatsapp-media\/acme\//)
    expect(await archive.close()).toEqual([])
  })

  it('the in-process queue and the file system are refused, with what to use instead', () => {
    stubWorkers()
    request = Symbol('one')
    expect(() => createInProcessQueue()).toThrow(/^queue must not be in-process on Cloudflare Workers.*waitUntil/)
    expect(() => createFileSystemStorage({ directory: '/tmp/media' })).toThrow(/^directory .*createR2Storage/)
  })
})

describe('where globals of Node are missing, as in jsdom', () => {
  const makers = {
    createMediaArchive: () => createMediaArchive({ storage: createMemoryStorage(), accounts: () => undefined }),
    createInProcessQueue: () => createInProcessQueue(),
    createWebhookHandler: () => createWebhookHandler({ appSecret: 'secret', verifyToken: 'token', onMedia() {} }),
    createFakeCloudApi: () => createFakeCloudApi(),
    archiveMedia: () =>
      archiveMedia('1', { storage: createMemoryStorage(), accountId: 'acme', accessToken: 'token', attempts: 1 }),
  }

  it.each(Object.entries(makers))('%s says how the test is run', async (_name, make) => {
    vi.stubGlobal('Response', undefined)
    Reflect.deleteProperty(globalThis, 'Response')
    const error = await refuse(make)
    expect(readRefusal(error)).toEqual({
      code: 'invalid-option',
      option: 'testEnvironment',
      message:
        "testEnvironment must be node: as in Jest's jsdom, here is no Response. Put the comment /** @jest-environment node */ at the top of the test file",
    })
  })
})
