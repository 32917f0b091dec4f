import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runSend } from '../../src/cli/send.js'
import { createMediaArchive, type MediaArchive } from '../../src/media-archive.js'
import { createMemoryMediaIds } from '../../src/media-ids/memory.js'
import { createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'
import { createGeneratedBytes } from '../../src/testing/generated-bytes.js'
import { createContext, temporaryFolder } from '../cli/command-context.js'
import { createBucket, KINDS, type Kind, openStorage } from './bucket.js'

const bucket = await createBucket()
const { S3_ENDPOINT: endpoint = '' } = process.env
const TO = '+15550002222'
let api: FakeCloudApi

beforeAll(async () => {
  api = await createFakeCloudApi()
})
afterAll(() => api.close())

function openArchive(kind: Kind): MediaArchive {
  return createMediaArchive({
    storage: openStorage(bucket, kind),
    accounts: () => ({ accountId: 'pixels', accessToken: api.accessToken }),
    cloudApi: api.cloudApi,
    mediaIds: createMemoryMediaIds(),
    waitScale: 0.001,
  })
}

/** [what, MIME type, name, bytes] */
const DOCUMENTS: [string, string, string, number][] = [
  ['a small text', 'text/plain', 'note.txt', 1],
  ['a PDF', 'application/pdf', 'Vertrag Müller.pdf', 70_001],
  ['a Word document', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'a.docx', 300_000],
  ['a PDF of many pieces', 'application/pdf', 'plan.pdf', 20_000_003],
]

describe.each(KINDS)('the round trip over a real store, %s', (kind) => {
  it.each(DOCUMENTS)('archives %s, and sends the same bytes on', async (_what, mimeType, filename, size) => {
    const bytes = createGeneratedBytes({ size, seed: size + kind.length })
    const { reference, sha256 } = await api.addMedia({ bytes, mimeType, mediaType: 'document', filename })
    const archive = openArchive(kind)
    const { phoneNumberId } = reference
    const { key } = await archive.archive(reference)
    const [before, sentBefore] = [api.uploads.length, api.messages.length]
    const sent = await archive.send({ to: TO, media: { key }, filename }, { phoneNumberId })
    expect(sent).toMatchObject({ key, alreadyStored: true, mediaType: 'document' })
    const upload = api.uploads[before]
    expect(upload).toMatchObject({ mimeType, sha256 })
    expect(
      createHash('sha256')
        .update(upload?.bytes ?? '')
        .digest('hex'),
    ).toBe(sha256)
    expect(upload?.bytes).toHaveLength(size)
    expect(api.messages.slice(sentBefore)).toMatchObject([
      { messageId: sent.messageId, body: { to: TO, type: 'document', document: { id: upload?.mediaId, filename } } },
    ])
    // To others it goes without another upload.
    await archive.send({ to: '+15550003333', media: { key } }, { phoneNumberId })
    expect(api.uploads).toHaveLength(before + 1)
    await archive.close()
  })
})

describe('the command send over a real store', () => {
  it('stores a file and sends it, and sends it again by its key', async () => {
    const path = join(temporaryFolder(), 'Offer.pdf')
    const bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(3_000_000, 'page')])
    writeFileSync(path, bytes)
    const env = { WHATSAPP_ACCESS_TOKEN: api.accessToken, S3_ENDPOINT: endpoint, S3_BUCKET_NAME: bucket }
    const context = createContext({ env: { ...env, WHATSAPP_TO: TO }, isTTY: true })
    const before = api.uploads.length
    const flags = { account: 'pixels', phoneNumberId: '106540352242922', cloudApi: api.origin }
    expect(await runSend(path, flags, context)).toBe(0)
    const [key = ''] = context.out().split('\t')
    expect(context.err()).toMatch(/storing [\s\S]*sending /)
    expect(await runSend(key, { ...flags, key: true }, context)).toBe(0)
    const sent = api.uploads.slice(before).map((upload) => upload.bytes.equals(bytes))
    expect([context.out().split('\n')[1]?.split('\t')[0], sent]).toEqual([key, [true, true]])
  })
})
