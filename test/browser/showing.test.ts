import { readFileSync } from 'node:fs'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DemoStorage } from '../../src/cli/demo/storage.js'
import { launchBrowser } from './browser.js'
import { openPlace, PLACES, sign, store } from './places.js'
import { type ReaderSite, startReaderSite } from './reader-site.js'
import { visit } from './visit.js'

const sample = (name: string): Buffer => readFileSync(new URL(`../../samples/${name}`, import.meta.url))
const PHOTO = { width: 640, height: 480 }
const UNICODE_NAME = 'Angebot für März – 写真 ✓😀.pdf'

let browser: Browser
let reader: ReaderSite
beforeAll(async () => {
  browser = await launchBrowser()
  reader = await startReaderSite()
})
afterAll(async () => {
  await browser?.close()
  await reader?.close()
})

const attribute = (url: string): string => `"${url.replaceAll('&', '&amp;')}"`
const inPage = (html: string): string => reader.page(`<!doctype html><title>Inbox</title>${html}`)

/** The picture in a page, once it has loaded or failed. */
function pictureIn(page: Page): Promise<{ width: number; height: number }> {
  return page.locator('img').evaluate(async (image) => {
    await Reflect.get(image, 'decode')
      .call(image)
      .catch(() => {})
    return { width: Reflect.get(image, 'naturalWidth'), height: Reflect.get(image, 'naturalHeight') }
  })
}

/** The length of the sound or video in a page, in seconds, once the browser knows it; what went wrong if it never will. */
function durationIn(page: Page): Promise<number | string> {
  return page.locator('audio, video').evaluate(
    (player) =>
      new Promise<number | string>((resolve) => {
        const tell = (): void => {
          const error = Reflect.get(player, 'error') ?? (Reflect.get(player, 'networkState') === 3 ? {} : null)
          if (error !== null) resolve(`error ${Reflect.get(error, 'code')}`)
          if (Reflect.get(player, 'readyState') > 0) resolve(Reflect.get(player, 'duration'))
        }
        for (const name of ['loadedmetadata', 'error']) player.addEventListener(name, tell, true)
        tell()
      }),
  )
}

describe.each(PLACES)('a signed URL of %s', (name) => {
  let place: DemoStorage
  beforeAll(async () => {
    place = await openPlace(name)
  })
  afterAll(() => place?.close())

  it('shows a picture, in a page of another site and in a tab of its own', async () => {
    const key = await store(place, sample('photo.jpg'), { mimeType: 'image/jpeg', filename: 'Foto ✓.jpg' })
    const url = await sign(place, key, { accountId: 'acme', filename: 'Foto ✓.jpg', cacheFor: 3_600 })
    for (const address of [inPage(`<img src=${attribute(url)}>`), url]) {
      expect(await visit(browser, address, ({ page }) => pictureIn(page))).toEqual(PHOTO)
    }
  })

  it('shows nothing once it has expired, or when it was changed', async () => {
    const key = await store(place, sample('photo.jpg'), { mimeType: 'image/jpeg' })
    const good = await sign(place, key)
    const expired = await place.storage.signedUrl?.(key, {
      ...{ expiresIn: 60, contentType: 'image/jpeg', contentDisposition: 'inline' },
      signedAt: new Date(Date.now() - 61_000),
    })
    const changed = good.replace('image%2Fjpeg', 'image%2Fpng')
    expect(changed).not.toBe(good)
    // In one page, so that the good one shows that the others could have been.
    const html = [good, expired?.url ?? '', changed].map((url) => `<img src=${attribute(url)}>`).join('')
    const widths = await visit(browser, inPage(html), ({ page }) =>
      page.locator('img').evaluateAll((images) => images.map((image) => Reflect.get(image, 'naturalWidth'))),
    )
    expect(widths).toEqual([PHOTO.width, 0, 0])
  })

  it.each([
    ['clip.mp4', 'video/mp4', 'video'],
    ['voice-note.ogg', 'audio/ogg; codecs=opus', 'audio'],
  ])('plays %s, in a page of another site and in a tab of its own', async (file, mimeType, tag) => {
    const url = await sign(place, await store(place, sample(file), { mimeType }))
    for (const address of [inPage(`<${tag} controls preload=metadata src=${attribute(url)}></${tag}>`), url]) {
      expect(await visit(browser, address, ({ page }) => durationIn(page))).toBeGreaterThan(0)
    }
  })

  it('downloads under the name it was sent with, Unicode and all', async () => {
    const bytes = sample('contract.pdf')
    const key = await store(place, bytes, { mimeType: 'application/pdf', filename: UNICODE_NAME })
    const url = await sign(place, key, { filename: UNICODE_NAME })
    const address = inPage(`<a href=${attribute(url)}>open</a>`)
    const got = await visit(browser, address, async ({ page }) => {
      const [download] = await Promise.all([page.waitForEvent('download'), page.locator('a').click()])
      return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) }
    })
    expect(got.name).toBe(UNICODE_NAME)
    expect(got.bytes.equals(bytes)).toBe(true)
  })

  it('downloads a program that calls itself a contract as what the key says', async () => {
    const filename = 'contract\u202efdp.exe'
    const key = await store(place, Buffer.from('MZ'), { mimeType: 'application/pdf', filename })
    const address = inPage(`<a href=${attribute(await sign(place, key, { filename }))}>open</a>`)
    const name = await visit(browser, address, async ({ page }) => {
      const [download] = await Promise.all([page.waitForEvent('download'), page.locator('a').click()])
      return download.suggestedFilename()
    })
    expect(name).toBe('contractfdp.exe.pdf')
  })

  it('shows a PDF in a tab only when that is asked for', async () => {
    const key = await store(place, sample('contract.pdf'), { mimeType: 'application/pdf' })
    const open = async (disposition?: 'inline' | 'attachment') => {
      const url = await sign(place, key, disposition === undefined ? {} : { disposition })
      return visit(browser, url, async ({ page, outcome }) => ({
        outcome,
        type: outcome === 'shown' ? await page.evaluate('document.contentType') : undefined,
      }))
    }
    expect(await open()).toEqual({ outcome: 'downloaded' })
    expect(await open('attachment')).toEqual({ outcome: 'downloaded' })
    expect(await open('inline')).toEqual({ outcome: 'shown', type: 'application/pdf' })
  })

  it.each(['text/html', 'image/svg+xml', 'text/plain', 'application/zip'])(
    'downloads what was sent as %s, also when inline is asked for',
    async (mimeType) => {
      const key = await store(place, Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), { mimeType })
      const url = await sign(place, key, { disposition: 'inline' })
      expect(await visit(browser, url, async ({ outcome }) => outcome)).toBe('downloaded')
    },
  )
})
