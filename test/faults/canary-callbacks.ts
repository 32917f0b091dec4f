import { runInNewContext } from 'node:vm'
import { type ArchiveOptions, archiveMedia } from '../../src/archive.js'
import { downloadMediaFromWhatsApp } from '../../src/download.js'
import type { HttpClient } from '../../src/http/client.js'
import { createNodeHttpClient } from '../../src/http/node.js'
import { createMediaArchive, type MediaArchiveOptions } from '../../src/media-archive.js'
import type { MediaReference } from '../../src/media-reference.js'
import { getSignedUrl } from '../../src/signed-url.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { ObjectStorage } from '../../src/storage.js'
import { uploadToS3 } from '../../src/upload.js'
import { type Aviary, CANARIES, MEDIA, personal, pickDownload } from './canary-scenes.js'

/** What code of others may throw: every canary, in every place of an error, and what is hard to look at. */
export function quoting(canaries: Readonly<Record<string, string>>): Record<string, () => unknown> {
  const all = Object.values(canaries).join(' ; ')
  const one = (canary: string): unknown =>
    Object.assign(new Error(canary), { name: canary, code: canary, Code: canary, errno: canary })
  return {
    'an error': () =>
      Object.assign(new Error(all, { cause: new Error(all) }), {
        ...{ name: all, code: all, request: { headers: { authorization: all } }, response: { data: all } },
        toJSON: () => all,
      }),
    ...Object.fromEntries(Object.entries(canaries).map(([name, canary]) => [`a ${name}`, () => one(canary)])),
    'a cause with a code': () => new TypeError('fetch failed', { cause: one(canaries['app secret'] ?? '') }),
    'many errors': () => new AggregateError([new Error(all)], all),
    'an error of another realm': () => runInNewContext('Object.assign(new Error(all), { code: all })', { all }),
    'a text': () => all,
    'an object': () => ({ message: all, name: all, code: all }),
    'a symbol': () => Symbol(all),
    'a number': () => Number(CANARIES['phone number']),
    'an error that throws': () =>
      new Proxy(new Error(all), {
        get: () => {
          throw new Error(all)
        },
      }),
    'a revoked proxy': () => {
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      return proxy
    },
    nothing: () => undefined,
  }
}

const DAY_MS = 86_400_000

/** Callbacks that throw, one for each option of an archive that holds one. */
export async function hearCallbacks(aviary: Aviary): Promise<void> {
  const { api, options, note, token } = aviary
  const { accountId, onEvent } = options
  const { cloudApi } = api
  const { reference } = await api.addMedia({ ...MEDIA, bytes: Buffer.from('%PDF-callback') })
  const account = { accountId, accessToken: token, appSecret: CANARIES['app secret'] }
  // So long dead that no callback is called again.
  const longAgo = new Date(Date.now() - 30 * DAY_MS).toISOString()
  const media = { ...personal(reference), timestamp: longAgo, receivedAt: longAgo }
  for (const [what, make] of Object.entries(quoting(aviary.canaries))) {
    const fail = (): never => {
      throw make()
    }
    const broken: Record<string, Partial<MediaArchiveOptions>> = {
      accounts: { accounts: fail },
      'a getter of an account': { accounts: () => Object.defineProperty({ ...account }, 'accessToken', { get: fail }) },
      storage: { storage: fail },
      prefix: { prefix: fail },
      onArchived: { onArchived: fail },
      onFailed: { onFailed: fail, accounts: () => ({ ...account, accessToken: undefined }) },
      accessToken: { accounts: () => ({ ...account, accessToken: fail }) },
      authorization: { cloudApi: { ...cloudApi, authorization: fail } },
    }
    for (const [where, more] of Object.entries(broken)) {
      const archive = createMediaArchive({
        ...{ storage: createMemoryStorage(), accounts: () => account, cloudApi, onEvent, attempts: 1 },
        onFailed: (failure) => note(`${where}, ${what}: failure`, failure),
        ...more,
      })
      const outcome = await archive.processJob({ version: 1, accountId, media }, { attempt: 10 })
      // At the end: a job that is tried again hands the callback's own error back to the app's own queue.
      note(`${where}, ${what}`, outcome.outcome === 'dead-letter' ? outcome.error : outcome.outcome)
      await archive.close()
    }
  }
}

/** Storages and HTTP clients of the user's own that throw. */
export async function hearForeignCode(aviary: Aviary): Promise<void> {
  const { api, options, note, canaries } = aviary
  const { reference } = await api.addMedia({ ...MEDIA, bytes: Buffer.from('%PDF-foreign') })
  // Old, so that the store is asked first.
  const media = personal({ ...reference, timestamp: new Date(Date.now() - 600_000).toISOString() })
  const { downloadUrl, ...unopened } = media
  for (const [what, make] of Object.entries(quoting(canaries))) {
    const hear = async (where: string, call: Promise<unknown>): Promise<void> => {
      await call.then(
        () => note(`${where}, ${what}: went well`, ''),
        (error: unknown) => note(`${where}, ${what}`, error),
      )
    }
    await hearStorages(make, unopened, { options, hear })
    await hearClients(make, media, { options, hear })
    const authorization = (): never => {
      throw make()
    }
    const cloudApi = { ...options.cloudApi, authorization }
    const storage = createMemoryStorage()
    await hear('authorization', archiveMedia(unopened, { ...options, storage, cloudApi }))
    await hear('authorization, download', downloadMediaFromWhatsApp(unopened, { ...pickDownload(options), cloudApi }))
  }
}

interface Surroundings {
  options: Omit<ArchiveOptions, 'storage'>
  hear(where: string, call: Promise<unknown>): Promise<void>
}

/** Streams take errors alone, and look at them. */
export function spoken(): Error {
  const all = Object.values(CANARIES).join(' ; ')
  return Object.assign(new Error(all), { name: all, code: all })
}

const KEY = 'whatsapp-media/aviary/2026-11-22/document/5ef5e495-9ea6-59d7-91c6-d39ba4699239.pdf'

async function hearStorages(
  make: () => unknown,
  media: MediaReference,
  { options, hear }: Surroundings,
): Promise<void> {
  const filename = CANARIES['file name']
  const reject = (): Promise<never> => Promise.reject(make())
  const broken = (method: keyof ObjectStorage): ObjectStorage => ({ ...createMemoryStorage(), [method]: reject })
  for (const method of ['put', 'head'] as const) {
    await hear(`storage, ${method}`, archiveMedia(media, { ...options, storage: broken(method) }))
  }
  await hear('upload, put', uploadToS3(Buffer.from('%PDF'), { storage: broken('put'), accountId: 'aviary', filename }))
  await hear('storage, signedUrl', getSignedUrl(KEY, { storage: broken('signedUrl'), anyAccount: true, filename }))
  // It breaks the body, and says so with an error of its own.
  const storage: ObjectStorage = {
    ...createMemoryStorage(),
    put: async (_key, body) => {
      body.destroy(spoken())
      throw make()
    },
  }
  await hear('storage, a destroyed body', archiveMedia(media, { ...options, storage }))
}

async function hearClients(make: () => unknown, media: MediaReference, { options, hear }: Surroundings): Promise<void> {
  const asked = createNodeHttpClient()
  const clients: Record<string, HttpClient> = {
    'at once': () => Promise.reject(make()),
    'at the download': (request) => (request.url.includes('hash=') ? Promise.reject(make()) : asked(request)),
    'in the body': async (request) => {
      const response = await asked(request)
      response.body.once('resume', () => response.body.destroy(spoken()))
      return response
    },
  }
  for (const [when, http] of Object.entries(clients)) {
    await hear(`client, ${when}`, archiveMedia(media, { ...options, http, storage: createMemoryStorage() }))
    const download = downloadMediaFromWhatsApp(media, { ...pickDownload(options), http }).then((downloaded) =>
      downloaded.bytes(),
    )
    await hear(`client, ${when}, download`, download)
  }
  asked.close()
}
