import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import type { MediaEvent } from '../../src/events.js'
import type { HttpClient } from '../../src/http/client.js'
import { archiveMedia, decryptFlowMedia } from '../../src/index.js'
import type { MediaReference } from '../../src/media-reference.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { answerWith, encrypt, hash, reference, withKeys } from './scene.js'
import { CDN_FILE, PLAINTEXT } from './vector.js'

const CAP = 26_214_400
const never = (): never => {
  throw new Error('asked for a token')
}

describe('decryptFlowMedia', () => {
  it('decrypts the vector, and sends no token', async () => {
    const { http, asked } = answerWith()
    const media = await decryptFlowMedia(reference, { http })
    expect(media).toMatchObject({
      ...{ mediaId: reference.mediaId, mimeType: 'image/jpeg', filename: 'IMG_5237.jpg' },
      ...{ size: 41, sha256: reference.sha256 },
    })
    expect(Buffer.from(await media.bytes())).toEqual(PLAINTEXT)
    expect(asked.map(({ url }) => url)).toEqual([reference.downloadUrl])
    expect(Object.keys(asked[0]?.headers ?? {}).sort()).toEqual(['accept', 'accept-encoding', 'user-agent'])
  })

  it.each([0, 1, 15, 16, 17, 4_095, 65_536, 1_048_577, 3_000_000])('decrypts a file of %d bytes', async (size) => {
    const plaintext = Buffer.alloc(size, 'file')
    const { file, media } = encrypt(plaintext)
    const decrypted = await decryptFlowMedia(media, { http: answerWith(file).http })
    expect(decrypted.size).toBe(size)
    expect(plaintext.equals(await decrypted.bytes())).toBe(true)
  })

  it('has an opaque type without a MIME type, and takes base64url without padding', async () => {
    const toUrl = (text = ''): string => text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
    const { encryptionKey, hmacKey, iv } = reference.encryption ?? {}
    const keys = { encryptionKey: toUrl(encryptionKey), hmacKey: toUrl(hmacKey), iv: toUrl(iv) }
    const media = await decryptFlowMedia({ ...withKeys(keys), mimeType: '' }, { http: answerWith().http })
    expect(media.mimeType).toBe('application/octet-stream')
    expect(Buffer.from(await media.bytes())).toEqual(PLAINTEXT)
  })

  it.each<[string, MediaReference, string]>([
    ['no file of a Flow', { ...reference, encryption: undefined, origin: 'message' }, 'media.encryption'],
    ['a dead letter', { ...reference, encryption: undefined }, 'media.encryption'],
    ['a file without URL', { ...reference, downloadUrl: undefined }, 'media.downloadUrl'],
    ['a file without hash', { ...reference, sha256: undefined }, 'media.sha256'],
    ['a short key', withKeys({ encryptionKey: Buffer.alloc(31).toString('base64') }), 'media.encryption.encryptionKey'],
    ['a long key', withKeys({ hmacKey: Buffer.alloc(33).toString('base64') }), 'media.encryption.hmacKey'],
    ['no vector', withKeys({ iv: '' }), 'media.encryption.iv'],
    ['a vector of other letters', withKeys({ iv: '$'.repeat(22) }), 'media.encryption.iv'],
    ['a hash in base64', withKeys({ encryptedSha256: 'A'.repeat(43) }), 'media.encryption.encryptedSha256'],
    ['keys as text', { ...reference, encryption: 'keys' as never }, 'media.encryption'],
    ['keys that are none', withKeys({ hmacKey: 7 as never }), 'media.encryption.hmacKey'],
  ])('refuses %s before it asks, and shows no value', async (_name, media, option) => {
    const { http, asked } = answerWith()
    const failure = await decryptFlowMedia(media, { http }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'invalid-option', option })
    for (const value of Object.values(media.encryption ?? {})) {
      if (String(value).length > 3) expect(String(failure)).not.toContain(String(value))
    }
    expect(asked).toEqual([])
  })

  it('knows its options, and no token', async () => {
    const options = { accessToken: 'EAA' } as object
    await expect(decryptFlowMedia(reference, options)).rejects.toMatchObject({ code: 'invalid-option' })
    await expect(decryptFlowMedia(reference, { signal: 'soon' as never })).rejects.toMatchObject({ option: 'signal' })
  })

  it('ends with the reason of its signal, and closes a body that comes too late', async () => {
    const reason = new Error('no longer wanted')
    const body = Readable.from([CDN_FILE])
    const controller = new AbortController()
    const http: HttpClient = async () => {
      controller.abort(reason)
      return { status: 200, headers: {}, body }
    }
    await expect(decryptFlowMedia(reference, { http, signal: controller.signal })).rejects.toBe(reason)
    await expect.poll(() => body.destroyed).toBe(true)
  })

  it('leaves no temporary file behind, read or not', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'flow-media-'))
    vi.stubEnv('TMPDIR', folder)
    const { file, media } = encrypt(Buffer.alloc(3_000_000, 'file'))
    const { http } = answerWith(file)
    await (await decryptFlowMedia(media, { http })).bytes()
    const unread = await decryptFlowMedia(media, { http })
    expect((await readdir(folder)).length).toBeGreaterThan(0)
    unread.body.destroy()
    await expect.poll(() => readdir(folder)).toEqual([])
    vi.unstubAllEnvs()
    await rm(folder, { recursive: true })
  })
})

/** A bit of the file is wrong. */
const flip = (bytes: Buffer, at: number): Buffer => {
  const wrong = Buffer.from(bytes)
  wrong.writeUInt8(wrong.readUInt8(at) ^ 1, at)
  return wrong
}
/** The file is wrong, and its hash announces that. */
const announce = (file: Buffer): [Buffer, MediaReference] => [file, withKeys({ encryptedSha256: hash(file) })]
const zeros = (length: number): string => Buffer.alloc(length).toString('base64')
const plain = Buffer.alloc(32, 'plain')

const noIv = encrypt(plain, { macOver: (_iv, ciphertext) => ciphertext })
const ivLast = encrypt(plain, { macOver: (iv, ciphertext) => Buffer.concat([ciphertext, iv]) })
const noPadding = encrypt(plain, { padding: Buffer.alloc(16) })
const otherPlain = encrypt(plain)

/** All that a hostile or broken sender may change, and the words of its refusal. */
const HOSTILE: readonly [name: string, file: Buffer, media: MediaReference, code: string, words: string][] = [
  ['a corrupted file', flip(CDN_FILE, 0), reference, 'integrity-mismatch', 'another SHA-256'],
  ['a corrupted HMAC', flip(CDN_FILE, 57), reference, 'integrity-mismatch', 'another SHA-256'],
  ['a truncated file', CDN_FILE.subarray(0, 42), reference, 'integrity-mismatch', 'another SHA-256'],
  ['a longer file', Buffer.concat([CDN_FILE, Buffer.alloc(1)]), reference, 'integrity-mismatch', 'another SHA-256'],
  ['an empty file', Buffer.alloc(0), reference, 'integrity-mismatch', 'another SHA-256'],
  ['a page', Buffer.from('<html>Sorry</html>'), reference, 'integrity-mismatch', 'another SHA-256'],
  ['a corrupted file with its hash', ...announce(flip(CDN_FILE, 0)), 'decryption-failed', 'HMAC'],
  ['a corrupted last block with its hash', ...announce(flip(CDN_FILE, 47)), 'decryption-failed', 'HMAC'],
  ['a corrupted HMAC with its hash', ...announce(flip(CDN_FILE, 48)), 'decryption-failed', 'HMAC'],
  ['a file cut by a block, with its hash', ...announce(CDN_FILE.subarray(0, 42)), 'decryption-failed', 'HMAC'],
  ['a file cut by a byte, with its hash', ...announce(CDN_FILE.subarray(0, 57)), 'decryption-failed', '57 bytes'],
  ['an empty file with its hash', ...announce(Buffer.alloc(0)), 'decryption-failed', '0 bytes'],
  ['an HMAC alone, with its hash', ...announce(CDN_FILE.subarray(48)), 'decryption-failed', '10 bytes'],
  ['an HMAC without the vector', noIv.file, noIv.media, 'decryption-failed', 'HMAC'],
  ['an HMAC with the vector last', ivLast.file, ivLast.media, 'decryption-failed', 'HMAC'],
  ['a wrong HMAC key', CDN_FILE, withKeys({ hmacKey: zeros(32) }), 'decryption-failed', 'HMAC'],
  ['a wrong vector', CDN_FILE, withKeys({ iv: zeros(16) }), 'decryption-failed', 'HMAC'],
  ['swapped keys', CDN_FILE, swapKeys(), 'decryption-failed', 'HMAC'],
  ['a wrong key', CDN_FILE, withKeys({ encryptionKey: zeros(32) }), 'decryption-failed', ''],
  ['no padding', noPadding.file, noPadding.media, 'decryption-failed', 'padding'],
  [
    'another plaintext',
    otherPlain.file,
    { ...otherPlain.media, sha256: hash(PLAINTEXT) },
    'decryption-failed',
    'plaintext',
  ],
  ['swapped hashes', CDN_FILE, swapHashes(), 'integrity-mismatch', 'another SHA-256'],
  [
    "the encrypted file's hash twice",
    CDN_FILE,
    { ...reference, sha256: hash(CDN_FILE) },
    'decryption-failed',
    'plaintext',
  ],
]

function swapKeys(): MediaReference {
  const { encryptionKey = '', hmacKey = '' } = reference.encryption ?? {}
  return withKeys({ encryptionKey: hmacKey, hmacKey: encryptionKey })
}

function swapHashes(): MediaReference {
  return { ...withKeys({ encryptedSha256: hash(PLAINTEXT) }), sha256: hash(CDN_FILE) }
}

describe.each(HOSTILE)('%s', (_name, file, media, code, words) => {
  it('is refused before a byte is handed on, and leaves nothing', async () => {
    const failure = await decryptFlowMedia(media, { http: answerWith(file).http }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code, message: expect.stringContaining(words) })
    for (const secret of Object.values(media.encryption ?? {})) {
      if (!/^[0-9a-f]{64}$/.test(secret)) expect(JSON.stringify(failure)).not.toContain(secret)
    }
  })

  it.each(['strict', 'report'] as const)('is not archived, with integrity %s', async (integrity) => {
    const storage = createMemoryStorage()
    const events: MediaEvent[] = []
    const options = {
      storage,
      integrity,
      accountId: 'acme',
      accessToken: never,
      http: answerWith(file).http,
      attempts: 2,
    }
    const cloudApi = { baseUrl: 'https://graph.test' }
    const archiving = archiveMedia(media, {
      ...options,
      ...{ cloudApi, waitScale: 0.0001, mediaLifetimeMs: 1e12, onEvent: (event: MediaEvent) => events.push(event) },
    })
    await expect(archiving).rejects.toMatchObject({ code })
    expect(storage.keys()).toEqual([])
    // The same bytes would come again; other bytes than announced may be right the next time.
    expect(events.map(({ type }) => type)).toEqual(
      code === 'integrity-mismatch' ? ['attempt-failed', 'attempt-failed'] : ['attempt-failed'],
    )
    expect(JSON.stringify(events)).not.toContain(media.encryption?.hmacKey)
  })
})

describe('the size cap', () => {
  const exact = encrypt(Buffer.alloc(100))
  it.each([
    [100, undefined],
    [99, 'size-limit'],
    [1, 'size-limit'],
  ])('is of the plaintext: %d bytes', async (maxBytes, code) => {
    for (const cap of [maxBytes, { image: maxBytes }]) {
      const decrypting = decryptFlowMedia(exact.media, { http: answerWith(exact.file).http, maxBytes: cap })
      if (code === undefined) expect((await decrypting).size).toBe(100)
      else await expect(decrypting).rejects.toMatchObject({ code, limitBytes: maxBytes })
    }
  })

  it('holds without a Content-Length, and is of 25 MiB for types that are left out', async () => {
    let sent = 0
    const endless = async function* (): AsyncGenerator<Buffer> {
      for (; sent < 4 * CAP; sent += 1_048_576) yield Buffer.alloc(1_048_576)
    }
    const http: HttpClient = async () => ({ status: 200, headers: {}, body: Readable.from(endless()) })
    await expect(decryptFlowMedia(reference, { http, maxBytes: { video: 1 } })).rejects.toMatchObject({
      ...{ code: 'size-limit', limitBytes: CAP },
    })
    expect(sent).toBeLessThan(2 * CAP)
  })

  it('is told by the Content-Length before a byte is read', async () => {
    const body = new Readable({ read: () => expect.unreachable() })
    const length = CAP + 27
    const http: HttpClient = async () => ({ status: 200, headers: { 'content-length': String(length) }, body })
    await expect(decryptFlowMedia(reference, { http })).rejects.toMatchObject({ code: 'size-limit', bytes: CAP + 1 })
    expect(body.destroyed).toBe(true)
  })
})
