import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl as presign } from '@aws-sdk/s3-request-presigner'
import type { Browser, BrowserContext } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DemoStorage } from '../../src/cli/demo/storage.js'
import { launchBrowser } from './browser.js'
import { type Canary, canaries, containers, RUNNERS } from './canaries.js'
import { openPlace, PLACES, sign, store, storeUnchecked } from './places.js'
import { type ReaderSite, startReaderSite } from './reader-site.js'
import { marksIn, visit } from './visit.js'

/** What strangers declare, and whether it is shown unasked: then every canary is tried, else the plainest. */
const DECLARED: readonly (readonly [mimeType: string, isShown: boolean])[] = [
  ['image/jpeg', true],
  ['image/gif', true],
  ['video/mp4', true],
  ['application/pdf', false],
  ['image/svg+xml', false],
  ['IMAGE/SVG+XML ; charset=utf-8', false],
  ['text/html', false],
  ['text/html; charset=utf-16', false],
  ['application/xhtml+xml', false],
  ['text/xml', false],
  ['text/plain', false],
  ['multipart/x-mixed-replace; boundary=b', false],
  ['message/rfc822', false],
  ['application/octet-stream', false],
  ['no type at all', false],
]
/** What strangers declare, where the stored type is what counts. */
const STORED = ['image/jpeg', 'application/pdf', 'image/svg+xml', 'text/html', 'text/plain', 'no type at all']
/** Extensions of old objects. */
const OLD = ['html', 'svg', 'jpg', 'pdf', 'txt', 'none']

let browser: Browser
let profile: BrowserContext
let reader: ReaderSite
let files: Canary[]

beforeAll(async () => {
  browser = await launchBrowser()
  profile = await browser.newContext()
  reader = await startReaderSite()
  files = canaries(reader.ranUrl)
})
afterAll(async () => {
  await browser?.close()
  await reader?.close()
})

const plainest = (): Canary[] =>
  files.filter(({ name }) => ['html', 'svg', 'jpeg and html', 'pdf and html'].includes(name))

/** Opens each URL in a tab, and all of them in every container of one page. @returns who called, and how many left a mark. */
async function openEverywhere(urls: readonly string[]): Promise<{ ran: string[]; marks: number }> {
  reader.ran.clear()
  let marks = 0
  for (const url of [...urls, reader.page(urls.map(containers).join(''))]) {
    await visit(profile, url, async ({ page, dialogs }) => {
      marks += await marksIn(page)
      expect(dialogs).toEqual([])
    })
  }
  return { ran: [...reader.ran].sort(), marks }
}
const NOWHERE = { ran: [], marks: 0 }

/** Without the query parameters that force type and disposition: what the object itself says. */
async function signWithout({ storage: { bucket } }: DemoStorage, key: string, forced: object = {}): Promise<string> {
  const client = new S3Client({ endpoint: process.env['S3_ENDPOINT'] ?? '', forcePathStyle: true })
  try {
    return await presign(client, new GetObjectCommand({ Bucket: bucket, Key: key, ...forced }))
  } finally {
    client.destroy()
  }
}

const everywhere = (name: string) => ({
  ran: RUNNERS.map((container) => (container === '' ? name : `${name}#${container}`)).sort(),
  marks: RUNNERS.length,
})

describe('a canary', () => {
  it('runs in a tab, a frame, an object and an embed when it is served as what it is, and this is noticed', async () => {
    for (const { name, runsAs, bytes } of files) {
      expect(await openEverywhere([reader.page(bytes, runsAs)])).toEqual(everywhere(name))
    }
  })

  it('runs from Ceph, too, when the URL forces the type that runs it', async () => {
    const ceph = await openPlace('Ceph')
    for (const { name, runsAs, bytes } of files) {
      // An extension would tell the browser what to make of an object without a type.
      const key = await storeUnchecked(ceph, bytes, { key: `canary/${name}`, contentType: 'image/jpeg' })
      const forced = { ResponseContentType: runsAs, ResponseContentDisposition: 'inline' }
      expect(await openEverywhere([await signWithout(ceph, key, forced)])).toEqual(everywhere(name))
    }
    await ceph.close()
  })
})

describe.each(PLACES)("a stranger's file on %s", (name) => {
  let place: DemoStorage
  beforeAll(async () => {
    place = await openPlace(name)
  })
  afterAll(() => place?.close())

  it.each(DECLARED)('runs nowhere when it was sent as %s, even if inline is asked for', async (mimeType, isShown) => {
    const urls = (isShown ? files : plainest()).map(async ({ bytes }) => {
      const key = await store(place, bytes, { mimeType, sniff: 'trust' })
      return sign(place, key, { disposition: 'inline' })
    })
    expect(await openEverywhere(await Promise.all(urls))).toEqual(NOWHERE)
  })

  it.each(OLD)('runs nowhere from an old object .%s, stored under the type that runs it', async (extension) => {
    const urls = plainest().map(async ({ bytes, runsAs: contentType, name: canary }) => {
      const key = await storeUnchecked(place, bytes, { key: `old/${canary}.${extension}`, contentType })
      return sign(place, key, { disposition: 'inline' })
    })
    expect(await openEverywhere(await Promise.all(urls))).toEqual(NOWHERE)
  })
})

describe.each(['safe', 'trust'] as const)("a stranger's file, stored with the policy %s", (sniff) => {
  let place: DemoStorage
  beforeAll(async () => {
    place = await openPlace('Ceph')
  })
  afterAll(() => place?.close())

  it.each(STORED)(
    'runs nowhere when it was sent as %s, and is read under the type it was stored with',
    async (mimeType) => {
      const urls = plainest().map(async ({ bytes }) =>
        signWithout(place, await store(place, bytes, { mimeType, sniff })),
      )
      expect(await openEverywhere(await Promise.all(urls))).toEqual(NOWHERE)
    },
  )
})
