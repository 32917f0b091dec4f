import dns from 'node:dns'
import net from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type ArchiveOptions, archiveMedia } from '../../src/archive.js'
import type { MediaEvent } from '../../src/events.js'
import type { MediaReference } from '../../src/media-reference.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'
import { REFUSED_URLS } from './refused-urls.js'

describe('a URL that leads elsewhere', () => {
  let api: FakeCloudApi
  let storage: ReturnType<typeof createMemoryStorage>
  let events: MediaEvent[]
  let contacts: string[]

  beforeEach(async () => {
    api = await createFakeCloudApi()
    storage = createMemoryStorage()
    events = []
    contacts = []
    const connect = net.Socket.prototype.connect
    vi.spyOn(net.Socket.prototype, 'connect').mockImplementation(function (this: net.Socket, ...call: unknown[]) {
      // Node hands its own normalised arguments on: [[options, callback]].
      const [options] = [call].flat(2)
      contacts.push(`${Reflect.get(Object(options), 'host')}:${Reflect.get(Object(options), 'port')}`)
      return Reflect.apply(connect, this, call)
    })
    vi.spyOn(dns, 'lookup').mockImplementation((name: string) => void contacts.push(`name ${name}`))
  })
  afterEach(async () => {
    vi.restoreAllMocks()
    await api.close()
  })

  const options = (): ArchiveOptions => ({
    ...{ storage, accountId: 'pixels', accessToken: api.accessToken, cloudApi: api.cloudApi, attempts: 1 },
    onEvent: (event) => events.push(event),
  })
  const photo = async (): Promise<MediaReference> =>
    (
      await api.addMedia({
        bytes: Buffer.from('\xff\xd8\xff photo', 'latin1'),
        mimeType: 'image/jpeg',
        mediaType: 'image',
      })
    ).reference
  const expectOnlyMeta = (): void => {
    expect(contacts.length).toBeGreaterThan(0)
    const { host } = new URL(api.cloudApi.baseUrl)
    expect(contacts.filter((contact) => contact !== host)).toEqual([])
  }

  it.each(REFUSED_URLS)('in a webhook opens no connection, and the look-up finds the media: %s', async (_name, url) => {
    const downloadUrlExpiresAt = new Date(Date.now() + 300_000).toISOString()
    const media = { ...(await photo()), downloadUrl: url, downloadUrlExpiresAt }
    expect(await archiveMedia(media, options())).toMatchObject({ alreadyStored: false })
    expect(events.map(({ type }) => type)).toEqual(['host-refused', 'archived'])
    expectOnlyMeta()
  })

  it.each(REFUSED_URLS)('in a look-up opens no connection: %s', async (_name, url) => {
    const { mediaId, sha256 } = await photo()
    const body = JSON.stringify({ url, mime_type: 'image/jpeg', sha256, file_size: 9, id: mediaId })
    api.fail({ on: 'look-up', kind: 'status', status: 200, body })
    const failure = await archiveMedia(mediaId, options()).catch((error: unknown) => error)
    // An empty URL is none.
    expect(failure).toMatchObject({ code: url === '' ? 'download-failed' : 'host-refused' })
    expect(events.some(({ type }) => type === 'host-refused')).toBe(url !== '')
    expect(storage.keys()).toEqual([])
    expectOnlyMeta()
  })

  // What HTTP sends no header with, and what leads back to where it came from.
  const redirects = REFUSED_URLS.filter(([, url]) => /^[\x21-\x7e]+$/.test(url) && /^[a-z-]+:|^\/\//.test(url))

  it.each(redirects)('in a redirect opens no connection: %s', async (_name, to) => {
    api.fail({ on: 'download', kind: 'redirect', to })
    await expect(archiveMedia((await photo()).mediaId, options())).rejects.toMatchObject({ code: 'host-refused' })
    expect(events[0]).toMatchObject({ type: 'host-refused' })
    expect(storage.keys()).toEqual([])
    expectOnlyMeta()
  })
})
