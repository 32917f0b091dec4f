import { createCipheriv, createHash, createHmac } from 'node:crypto'
import { Readable } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import type { HttpClient } from '../../src/http/client.js'
import { decryptFlowMedia } from '../../src/index.js'
import { withKeys } from './scene.js'

const PIECE = Buffer.alloc(262_144, 'piece') // so large, it is not copied on its way
const PIECES = 100 // 25 MiB
const [key, hmacKey, iv] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2), Buffer.alloc(16, 3)]

/** The encrypted file, made as it is read. */
function* encryptPieces(): Generator<Buffer> {
  const cipher = createCipheriv('aes-256-cbc', key, iv)
  const hmac = createHmac('sha256', hmacKey).update(iv)
  for (let made = 0; made <= PIECES; made++) {
    const piece = made < PIECES ? cipher.update(PIECE) : cipher.final()
    hmac.update(piece)
    yield piece
  }
  yield hmac.digest().subarray(0, 10)
}

it('holds no more than a few pieces of a file of 25 MiB, whether it is fetched or read', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage: () => void = runInNewContext('gc')
  const encrypted = createHash('sha256')
  for (const piece of encryptPieces()) encrypted.update(piece)
  const plaintext = createHash('sha256')
  for (let made = 0; made < PIECES; made++) plaintext.update(PIECE)
  const keys = { encryptionKey: key.toString('base64'), hmacKey: hmacKey.toString('base64'), iv: iv.toString('base64') }
  const media = { ...withKeys({ ...keys, encryptedSha256: encrypted.digest('hex') }), sha256: plaintext.digest('hex') }

  const pieces: WeakRef<Buffer>[] = []
  const held: number[] = []
  /** A weak reference keeps what it was asked for until the next turn. */
  const countHeld = async (): Promise<void> => {
    await new Promise(setImmediate)
    collectGarbage()
    held.push(pieces.filter((piece) => piece.deref() !== undefined).length)
  }
  const watched = async function* (): AsyncGenerator<Buffer> {
    for (const piece of encryptPieces()) {
      pieces.push(new WeakRef(piece))
      yield piece
      if (pieces.length % 10 === 0) await countHeld()
    }
  }
  const http: HttpClient = async () => ({ status: 200, headers: {}, body: Readable.from(watched()) })
  const { body, size } = await decryptFlowMedia(media, { http })
  expect(size).toBe(PIECES * PIECE.length)
  expect(held).toHaveLength(10)
  // The pieces of the 1 MiB that is written at once, and a few on their way.
  expect(Math.max(...held)).toBeLessThan(12)

  let read = 0
  let waiting = 0
  for await (const piece of body) {
    waiting = Math.max(waiting, body.readableLength)
    read += piece.length
    await new Promise(setImmediate)
  }
  expect(read).toBe(size)
  expect(waiting).toBeLessThan(1_048_576)
})
