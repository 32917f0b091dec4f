import assert from 'node:assert/strict'
import type { SignedUrlOptions } from '../../storage.js'
import type { Requirement } from '../conformance.js'
import type { Sample, StorageCase } from './context.js'
import { put, sample, UNICODE_DISPOSITION } from './context.js'

const FORCED = { expiresIn: 60, contentType: 'image/jpeg', contentDisposition: UNICODE_DISPOSITION }
const HOUR_MS = 3_600_000

/** A case about signed URLs, in which an object is stored. It holds for a storage without such URLs. */
function signing(
  name: string,
  check: (context: StorageCase & { sign: Sign; object: Sample }) => Promise<void>,
): Requirement<StorageCase> {
  return {
    name,
    async check(context) {
      const { storage, key } = context
      const signedUrl = storage.signedUrl?.bind(storage)
      if (signedUrl === undefined) return
      const object = sample(100_000, { contentType: 'application/octet-stream' })
      await put(context, object)
      await check({ ...context, object, sign: (options) => signedUrl(key, { ...FORCED, ...options }) })
    },
  }
}

type Sign = (options?: Partial<SignedUrlOptions>) => Promise<{ url: string; expiresAt: Date }>

export const urlRequirements: readonly Requirement<StorageCase>[] = [
  signing('signedUrl() reads the bytes, with the type and disposition that it forces', async (context) => {
    const { sign, object, fetch } = context
    const { url, expiresAt } = await sign()
    const response = await fetch(url)
    // Read first: a body that nobody reads keeps its connection or file open.
    const bytes = Buffer.from(await response.arrayBuffer())
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), FORCED.contentType)
    assert.equal(response.headers.get('content-disposition'), FORCED.contentDisposition)
    assert.ok(bytes.equals(object.bytes), 'the URL reads other bytes')
    // Earlier is allowed: credentials can end before the URL was asked to.
    assert.ok(expiresAt.getTime() <= Date.now() + FORCED.expiresIn * 1_000, 'expiresAt is later than asked for')
    assert.ok(expiresAt.getTime() > Date.now(), 'expiresAt has passed')
  }),
  signing('signedUrl() answers a range, as players ask for', async ({ sign, object, fetch }) => {
    const { url } = await sign()
    const response = await fetch(url, { headers: { range: 'bytes=10-19' } })
    const bytes = Buffer.from(await response.arrayBuffer())
    assert.equal(response.status, 206)
    assert.equal(response.headers.get('content-range'), `bytes 10-19/${object.size}`)
    assert.deepEqual(bytes, object.bytes.subarray(10, 20))
  }),
  signing('signedUrl() for a HEAD tells the size without the bytes', async ({ sign, object, fetch }) => {
    const { url } = await sign({ method: 'HEAD' })
    const response = await fetch(url, { method: 'HEAD' })
    const { byteLength } = await response.arrayBuffer()
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-length'), String(object.size))
    assert.equal(byteLength, 0)
  }),
  signing('signedUrl() gives the same URL for the same signing time', async ({ sign }) => {
    const signedAt = new Date(Date.now() - 10_000)
    assert.equal((await sign({ signedAt })).url, (await sign({ signedAt })).url)
  }),
  signing('signedUrl() is refused once it has expired', async (context) => {
    const { url } = await context.sign({ expiresIn: 1, signedAt: new Date(Date.now() - HOUR_MS) })
    await assertRefused(context, { url, unless: 'expiry-check' })
  }),
  signing('signedUrl() is refused with another content type in it', async (context) => {
    const url = new URL((await context.sign()).url)
    const [name] = [...url.searchParams].find(([, value]) => value === FORCED.contentType) ?? []
    assert.ok(name !== undefined, 'the URL does not force the content type')
    url.searchParams.set(name, 'text/html')
    await assertRefused(context, { url: url.href, unless: 'signature-check' })
  }),
  signing('signedUrl() is refused with another key in it', async (context) => {
    const { url } = await context.sign()
    await put({ ...context, key: context.otherKey }, sample(10))
    await assertRefused(context, { url: url.replace('object.bin', 'other.bin'), unless: 'signature-check' })
  }),
]

async function assertRefused(
  { fetch, lacks }: StorageCase,
  { url, unless }: { url: string; unless: 'signature-check' | 'expiry-check' },
): Promise<void> {
  const response = await fetch(url)
  await response.arrayBuffer()
  const { status } = response
  const isExpected = lacks(unless) ? status === 200 : status >= 400 && status < 500
  assert.ok(isExpected, `the URL was answered with ${status}`)
}
