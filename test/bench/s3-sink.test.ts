import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { PutObjectCommand, type PutObjectCommandInput, S3Client, S3ServiceException } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bytesAt, PIECE } from '../../bench/media-bytes.mjs'
import { number, type Server, startServer } from '../../bench/processes.js'

const SIZE = 200_000
const media = Buffer.concat([0, 1, 2, 3].map((n) => bytesAt(n * PIECE, Math.min(PIECE, SIZE - n * PIECE))))

/** What the bench believes in: the sink takes right bytes only, signed, whole, once. */
describe('the sink of the bench', () => {
  let sink: Server

  beforeAll(async () => {
    sink = await startServer('./s3-sink.mjs', { TLS_CERT: '', TLS_KEY: '' })
  })
  afterAll(() => sink.stop())

  const put = async (input: Partial<PutObjectCommandInput>, secretAccessKey = 'bench'): Promise<number> => {
    const client = new S3Client({
      endpoint: sink.origin,
      forcePathStyle: true,
      region: 'us-east-1',
      credentials: { accessKeyId: 'bench', secretAccessKey },
      maxAttempts: 1,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    })
    try {
      const { $metadata } = await client.send(
        new PutObjectCommand({ Bucket: 'bench', Key: 'k', Body: media, ...input }),
      )
      return Number($metadata.httpStatusCode)
    } catch (error) {
      if (!(error instanceof S3ServiceException)) throw error
      return Number(error.$metadata.httpStatusCode)
    } finally {
      client.destroy()
    }
  }

  it('takes the right bytes, whole or as aws-chunked, and counts them', async () => {
    const ChecksumSHA256 = createHash('sha256').update(media).digest('base64')
    expect(await put({ ChecksumSHA256, IfNoneMatch: '*' })).toBe(200)
    const chunks = [media.subarray(0, 70_000), media.subarray(70_000, 70_001), media.subarray(70_001)]
    expect(await put({ Key: 'chunked', Body: Readable.from(chunks), ContentLength: SIZE })).toBe(200)
    const counts = await sink.ask({ take: true })
    expect(number(counts, 'objects')).toBe(2)
    expect(number(counts, 'bytes')).toBe(2 * SIZE)
    expect(number(counts, 'refused')).toBe(0)
    expect(number(counts, 'unconditional')).toBe(1)
  })

  it('refuses one wrong byte, bytes that are missing or moved, and a wrong checksum', async () => {
    const wrong = Buffer.from(media)
    wrong.writeUInt8(wrong.readUInt8(150_000) ^ 1, 150_000)
    expect(await put({ Body: wrong })).toBe(400)
    expect(await put({ Body: Readable.from([wrong]), ContentLength: SIZE })).toBe(400)
    const moved = Buffer.concat([media.subarray(0, 100), media.subarray(200, 300), media.subarray(100, 200)])
    expect(await put({ Body: moved })).toBe(400)
    expect(await put({ ChecksumSHA256: createHash('sha256').digest('base64') })).toBe(400)
    expect(number(await sink.ask({ take: true }), 'refused')).toBe(4)
  })

  it('refuses what another secret signed', async () => {
    expect(await put({}, 'another')).toBe(403)
    expect(number(await sink.ask({ take: true }), 'objects')).toBe(0)
  })

  it('keeps the condition', async () => {
    expect(await put({ IfNoneMatch: '*' })).toBe(200)
    expect(await put({ IfNoneMatch: '*' })).toBe(412)
    await sink.ask({ take: true })
  })
})
