import { existsSync, readdirSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it, onTestFinished, vi } from 'vitest'
import type { ArchivedMedia } from '../../src/archive.js'
import { createDemoArchive } from '../../src/cli/demo/archive.js'
import { buildMediaPage, createPageListener } from '../../src/cli/demo/page.js'
import { startDemoServer } from '../../src/cli/demo/server.js'
import { openBucket, openTemporaryFolder } from '../../src/cli/demo/storage.js'
import { type DemoOptions, describeArchived, runDemo } from '../../src/cli/demo.js'
import { createFakeCloudApi, type FakeMedia } from '../../src/testing/fake-cloud-api.js'
import { createS3StandIn } from '../faults/s3-stand-in.js'

const samples = new URL('../../samples', import.meta.url).pathname
const HOSTILE = `"><script>alert('x')</script>&`

const MEDIA: ArchivedMedia = {
  mediaId: '1000000000000001',
  mediaType: 'document',
  accountId: 'demo',
  key: 'whatsapp/demo/file.pdf',
  url: 'file:///file.pdf',
  keyIsStable: true,
  size: 1_234_567,
  sha256: 'ab'.repeat(32),
  mimeType: 'application/pdf',
  integrity: 'announced',
  alreadyStored: false,
}

const FILE: FakeMedia = { bytes: Buffer.from('%PDF-1.4 small'), mimeType: 'application/pdf', mediaType: 'document' }

/** Runs the demo; `onWrite` sees the whole text so far after each write. */
async function run(options: Partial<DemoOptions> = {}, onWrite: (text: string) => void = () => {}) {
  let text = ''
  const output = {
    write(piece: string) {
      text += piece
      onWrite(text)
    },
  }
  try {
    await runDemo({ samples, output, config: {}, generatedBytes: 300_000, ...options })
  } finally {
    const folder = folderIn(text)
    if (folder.startsWith('/')) expect(existsSync(folder)).toBe(false)
  }
  return text
}

const folderIn = (text: string) => /^archived into (.+)$/m.exec(text)?.[1] ?? ''
const originIn = (text: string) => /Signed webhooks to (\S+)\/webhook/.exec(text)?.[1] ?? ''

async function createDemo(prefix?: string) {
  const server = await startDemoServer()
  onTestFinished(() => server.close())
  const api = await createFakeCloudApi()
  onTestFinished(() => api.close())
  const place = await openTemporaryFolder(server)
  onTestFinished(() => place.close())
  const demo = createDemoArchive({ api, server, storage: place.storage, prefix })
  onTestFinished(() => demo.close())
  return { server, api, place, demo }
}

/** Fetch, with the answers to signed URLs of files replaced. */
function answerFilesWith(replace: (response: Response) => Response): void {
  const realFetch = globalThis.fetch
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const response = await realFetch(input, init)
    return String(input).includes('/files/') ? replace(response) : response
  })
}

/** Sends what fetch would not; resolves with the status, or with the error's code. */
function sendRaw(origin: string, options: { method: string; path: string }): Promise<unknown> {
  return new Promise((resolve) => {
    const sent = httpRequest(origin, options, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.on('error', (error) => resolve('code' in error ? error.code : error))
    sent.end()
  })
}

it('runDemo archives all samples, reads them back, and stores nothing twice', async () => {
  const text = await run()
  const rows = text.match(/^(image|sticker|video|audio|document) .* B {2}(proven|hashed) .*\d+ ms {2}\S+$/gm) ?? []
  expect(rows.map((row) => row.split(' ')[0])).toEqual([
    'image',
    'image',
    'sticker',
    'video',
    'audio',
    'document',
    'document',
    'document',
  ])
  expect(rows.at(-1)).toContain('300,000 B  proven')
  // Its server has ended, and so has every address of it.
  expect(text).not.toContain('://')
  expect(text).toMatch(/\nThe folder is removed now\.\nNext: .*: npx whatsapp-media-archive demo --keep\n$/)
  expect(text).toContain('Each was read back through its signed URL')
  expect(text).toContain('Delivered again, in one webhook: all 8 were there already, nothing was stored twice.')
  expect(text).not.toContain('until Ctrl-C')
})

it('runDemo puts the prefix before all keys', async () => {
  const text = await run({ config: { prefix: 'my-prefix/' } })
  expect(text.match(/ ms {2}my-prefix\//g)).toHaveLength(8)
})

it('runDemo stays up with a page of all media until keepUntil resolves', async () => {
  let soFar = ''
  const keepUntil = vi.fn(async () => {
    const origin = originIn(soFar)
    expect(soFar).toContain(`shown at ${origin}/ until Ctrl-C.`)
    const [signed = '', ...others] = soFar.match(/(?<=^ {9})http:\/\/127\.0\.0\.1:\d+\/files\/\S+/gm) ?? []
    expect(others).toHaveLength(7)
    expect((await fetch(signed)).status).toBe(200)
    expect(soFar).not.toContain('--keep')
    const page = await fetch(`${origin}/`)
    expect(page.status).toBe(200)
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(page.headers.get('content-security-policy')).toContain(`img-src ${origin};`)
    const body = await page.text()
    expect(body).toContain('<dd>Vertrag für März.pdf</dd>')
    const urls = [...body.matchAll(/<(img|video|audio|a) (?:src|href)="([^"]*)"/g)].map(([, tag, url]) => ({
      tag,
      url: String(url).replaceAll('&amp;', '&'),
    }))
    expect(urls.map(({ tag }) => tag)).toEqual(['img', 'img', 'img', 'video', 'audio', 'a', 'a', 'a'])
    for (const { url } of urls) {
      const whole = await fetch(url)
      expect(whole.status).toBe(200)
      const bytes = Buffer.from(await whole.arrayBuffer())
      const part = await fetch(url, { headers: { range: 'bytes=2-5' } })
      expect(part.status).toBe(206)
      expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(2, 6))
    }
    const [first] = urls
    expect((await fetch(String(first?.url), { method: 'HEAD' })).status).toBe(200)
    const unknown = await fetch(`${origin}/unknown?x=1`)
    expect([unknown.status, await unknown.text()]).toEqual([404, 'Not Found'])
    expect((await fetch(`${origin}/webhook`)).status).toBe(403)
  })
  await run({ keepUntil }, (text) => {
    soFar = text
  })
  expect(keepUntil).toHaveBeenCalledOnce()
  await expect(fetch(originIn(soFar))).rejects.toThrow()
})

it('runDemo rejects when a sample is missing, and leaves nothing behind', async () => {
  const output = { write: () => {} }
  await expect(runDemo({ samples: join(samples, 'none'), output, config: {} })).rejects.toThrow('ENOENT')
})

it('runDemo archives into a bucket, and rejects when its signed URL cannot be read', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test-only')
  const s3 = await createS3StandIn()
  onTestFinished(() => s3.close())
  const config = { bucket: 'demo-bucket', region: 'us-east-1', endpoint: `http://${s3.host}:${s3.port}` }
  // The stand-in takes objects and does not give them out.
  await expect(run({ config })).rejects.toThrow(/could not be read: HTTP 405$/)
  expect(s3.objects.size).toBe(1)
})

it('runDemo rejects when other bytes come back, or none', async () => {
  answerFilesWith(() => new Response('other bytes'))
  await expect(run()).rejects.toThrow(/has other bytes than were sent$/)
  vi.restoreAllMocks()
  answerFilesWith(() => new Response(null))
  await expect(run()).rejects.toThrow(/has other bytes than were sent$/)
})

it('runDemo rejects when bytes of the right size have another hash', async () => {
  answerFilesWith((response) => new Response(Buffer.alloc(Number(response.headers.get('content-length')))))
  await expect(run()).rejects.toThrow(/has other bytes than were sent$/)
})

it('runDemo rejects when the storage forgot and all is stored twice', async () => {
  let isForgotten = false
  const forget = (text: string) => {
    if (isForgotten || !text.includes('Each was read back')) return
    isForgotten = true
    const folder = folderIn(text)
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true })
  }
  await expect(run({}, forget)).rejects.toThrow('8 files were stored twice')
})

it('createDemoArchive delivers, reports the bytes that pass, and signs', async () => {
  const { api, demo } = await createDemo()
  const heard: number[] = []
  const added = await api.addMedia(FILE)
  const [media] = await demo.deliver([added], (bytes) => heard.push(bytes))
  expect(media).toMatchObject({ mediaId: added.mediaId, sha256: added.sha256, alreadyStored: false })
  expect(heard.at(-1)).toBe(added.size)
  const response = await fetch(await demo.sign(media ?? MEDIA))
  expect(await response.text()).toBe('%PDF-1.4 small')
  await expect(demo.deliver([added])).resolves.toMatchObject([{ alreadyStored: true }])
})

it('createDemoArchive rejects at the first failed attempt, even if the job would be tried again', async () => {
  const { api, demo } = await createDemo()
  api.fail({ on: 'download', kind: 'status', status: 500 })
  await expect(demo.deliver([await api.addMedia(FILE)])).rejects.toMatchObject({ name: 'DownloadFailedError' })
})

it('createDemoArchive rejects when the media is gone for good', async () => {
  const { api, demo } = await createDemo()
  // The webhook's own URL comes first; only when that has expired is the media looked up.
  api.fail({ on: 'download', kind: 'status', status: 404 })
  api.fail({ on: 'look-up', kind: 'status', status: 400 })
  await expect(demo.deliver([await api.addMedia(FILE)])).rejects.toThrow(Error)
})

it('createDemoArchive rejects when the webhook is refused', async () => {
  const { server, api, demo } = await createDemo()
  server.route('webhook', (_request, response) => response.writeHead(503).end())
  await expect(demo.deliver([await api.addMedia(FILE)])).rejects.toThrow('the webhook was answered with 503')
})

it('openBucket names the bucket and closes without a request', async () => {
  for (const config of [{}, { region: 'eu-central-1', endpoint: 'http://127.0.0.1:1' }]) {
    const place = openBucket(config, 'demo-bucket')
    expect(place).toMatchObject({ name: 'bucket demo-bucket', end: 'The objects stay in the bucket.' })
    expect(place.storage).toMatchObject({ name: 's3', bucket: 'demo-bucket' })
    await expect(place.close()).resolves.toBeUndefined()
  }
})

it('openTemporaryFolder serves nothing unsigned, and drops a request that no web request can be', async () => {
  const { server } = await createDemo()
  expect((await fetch(`${server.origin}/files/some/key`)).status).toBe(403)
  expect(await sendRaw(server.origin, { method: 'TRACE', path: '/files/some/key' })).toBe('ECONNRESET')
  expect((await fetch(`${server.origin}/files/some/key`)).status).toBe(403)
})

it('startDemoServer answers 404 to a request without a path', async () => {
  const server = await startDemoServer()
  onTestFinished(() => server.close())
  expect(await sendRaw(server.origin, { method: 'OPTIONS', path: '*' })).toBe(404)
})

it('describeArchived says whether the bytes were proven or only hashed', () => {
  const details = { ms: 12.4, url: 'http://127.0.0.1/signed' }
  expect(describeArchived(MEDIA, details)).toBe(
    'document   1,234,567 B  proven      12 ms  whatsapp/demo/file.pdf\n         http://127.0.0.1/signed\n',
  )
  expect(describeArchived({ ...MEDIA, integrity: 'unannounced' }, details)).toContain(' B  hashed  ')
  expect(describeArchived(MEDIA, { ms: 12.4 })).toMatch(/whatsapp\/demo\/file\.pdf$/)
})

it('buildMediaPage shows file name and caption where there are any, and escapes them', () => {
  const url = 'http://127.0.0.1/file?a=1&b=2'
  const plain = buildMediaPage([{ media: MEDIA, url }]).body
  expect(plain).not.toContain('<dt>filename</dt>')
  expect(plain).not.toContain('<dt>caption</dt>')
  expect(plain).toContain('<a href="http://127.0.0.1/file?a=1&amp;b=2">')
  const { body } = buildMediaPage([{ media: { ...MEDIA, filename: HOSTILE, caption: HOSTILE }, url }])
  const escaped = '&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;'
  expect(body).toContain(`<dt>filename</dt><dd>${escaped}</dd>`)
  expect(body).toContain(`<dt>caption</dt><dd>${escaped}</dd>`)
  expect(body).not.toContain('<script')
})

it('buildMediaPage lets no text of a sender become markup', () => {
  const markup = (text: string) => {
    const { body } = buildMediaPage([
      { media: { ...MEDIA, filename: text, caption: text, mimeType: text, key: text }, url: 'http://127.0.0.1/file' },
    ])
    return body.replace(/[^<>"']/g, '')
  }
  const plain = markup('plain')
  const piece = fc.constantFrom('<', '>', '"', "'", '&', '&lt;', '<script>', '</dd>', '<!--', '$&', "$'", 'text')
  const text = fc.oneof(
    fc.string(),
    fc.array(piece).map((pieces) => pieces.join('')),
  )
  fc.assert(
    fc.property(text, (hostile) => {
      expect(markup(hostile)).toBe(plain)
    }),
  )
})

it('buildMediaPage allows the origins of its URLs only, each once', () => {
  const { headers } = buildMediaPage([
    { media: MEDIA, url: 'http://127.0.0.1:1/a' },
    { media: MEDIA, url: 'http://127.0.0.1:1/b' },
    { media: MEDIA, url: 'https://bucket.example/c' },
  ])
  expect(headers['content-security-policy']).toContain('img-src http://127.0.0.1:1 https://bucket.example; media-src')
})

it('createPageListener signs at each request, and answers 500 while signing fails', async () => {
  const server = await startDemoServer()
  onTestFinished(() => server.close())
  const sign = vi.fn(async () => 'http://127.0.0.1/signed')
  server.route('', createPageListener({ archived: [MEDIA], sign }))
  sign.mockRejectedValueOnce(new Error('the credentials have expired'))
  const failed = await fetch(server.origin)
  expect([failed.status, await failed.text()]).toEqual([500, 'Internal Server Error'])
  const page = await fetch(server.origin)
  expect(page.status).toBe(200)
  expect(await page.text()).toContain('href="http://127.0.0.1/signed"')
  expect(sign).toHaveBeenCalledTimes(2)
})
