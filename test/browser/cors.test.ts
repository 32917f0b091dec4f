import { PutBucketCorsCommand, S3Client } from '@aws-sdk/client-s3'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { DemoStorage } from '../../src/cli/demo/storage.js'
import { prescribeCors } from '../../src/cli/doctor/cors.js'
import { launchBrowser } from './browser.js'
import { openPlace, sign, store } from './places.js'
import { type ReaderSite, startReaderSite } from './reader-site.js'
import { visit } from './visit.js'

const BYTES = Buffer.from('0123456789abcdef')

let browser: Browser
let reader: ReaderSite
let stranger: ReaderSite
let ceph: DemoStorage
beforeAll(async () => {
  browser = await launchBrowser()
  ;[reader, stranger, ceph] = await Promise.all([startReaderSite(), startReaderSite(), openPlace('Ceph')])
})
afterAll(async () => {
  await browser?.close()
  await Promise.all([reader?.close(), stranger?.close(), ceph?.close()])
})

interface Read {
  status: number
  text: string
  headers: Record<string, string | null>
}

/** What a script on the site's page gets from `fetch()`, or the name of the error. */
function fetchOn(site: ReaderSite, url: string, headers: Record<string, string> = {}): Promise<Read | string> {
  return visit(browser, site.page('<!doctype html>'), ({ page }) =>
    page.evaluate(
      async ({ url, headers }) => {
        const names = ['etag', 'content-length', 'content-range', 'content-disposition']
        try {
          const response = await fetch(url, { headers })
          const shown = Object.fromEntries(names.map((name) => [name, response.headers.get(name)]))
          return { status: response.status, text: await response.text(), headers: shown }
        } catch (error) {
          return String(Reflect.get(Object(error), 'name'))
        }
      },
      { url, headers },
    ),
  )
}

it('fetch() on another site reads a signed URL by the prescribed rules of the bucket, and without them does not', async () => {
  const key = await store(ceph, BYTES, { mimeType: 'text/plain' })
  const url = await sign(ceph, key, { filename: 'notes.txt' })
  expect(await fetchOn(reader, url)).toBe('TypeError')

  const client = new S3Client({ endpoint: process.env['S3_ENDPOINT'] ?? '', forcePathStyle: true })
  const Bucket = ceph.storage.bucket
  await client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: prescribeCors([reader.origin]) }))
  client.destroy()

  const disposition = 'attachment; filename=notes.txt'
  expect(await fetchOn(reader, url)).toEqual({
    status: 200,
    text: BYTES.toString(),
    headers: {
      ...{ etag: expect.stringMatching(/^"[0-9a-f]{32}"$/), 'content-length': '16' },
      ...{ 'content-range': null, 'content-disposition': disposition },
    },
  })
  expect(await fetchOn(reader, url, { range: 'bytes=4-7' })).toMatchObject({
    ...{ status: 206, text: '4567' },
    headers: { 'content-range': 'bytes 4-7/16', 'content-disposition': disposition },
  })
  // This header takes a preflight.
  expect(await fetchOn(reader, url, { 'if-none-match': '"another"' })).toMatchObject({ status: 200 })

  expect(await fetchOn(stranger, url)).toBe('TypeError')
  expect(await fetchOn(reader, url, { 'x-custom': 'not allowed' })).toBe('TypeError')
})

it('fetch() on another site does not read a signed URL of the file system', async () => {
  const place = await openPlace('the file system')
  const url = await sign(place, await store(place, BYTES, { mimeType: 'text/plain' }))
  expect(await fetchOn(reader, url)).toBe('TypeError')
  // It was CORS that stood in the way, not the URL.
  expect(await (await fetch(url)).text()).toBe(BYTES.toString())
  await place.close()
})
