import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ArchivedMedia } from '../archive.js'
import type { EnvConfig } from '../config-from-env.js'
import type { MediaType } from '../media-reference.js'
import { type AddedMedia, createFakeCloudApi, type FakeCloudApi } from '../testing/fake-cloud-api.js'
import { createGeneratedBytes } from '../testing/generated-bytes.js'
import { createDemoArchive, type DemoArchive } from './demo/archive.js'
import { createPageListener } from './demo/page.js'
import { startDemoServer } from './demo/server.js'
import { openBucket, openTemporaryFolder } from './demo/storage.js'
import { type Paint, PLAIN_PAINT } from './paint.js'
import { createProgress, type Terminal } from './progress.js'

interface DemoSample {
  mediaType: MediaType
  mimeType: string
  /** In the samples folder. Absent for a generated body. */
  file?: string | undefined
  filename?: string | undefined
  voice?: boolean | undefined
  animated?: boolean | undefined
}

const DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'

const SAMPLES: readonly DemoSample[] = [
  { mediaType: 'image', mimeType: 'image/jpeg', file: 'photo.jpg' },
  { mediaType: 'image', mimeType: 'image/png', file: 'diagram.png' },
  { mediaType: 'sticker', mimeType: 'image/webp', file: 'sticker.webp', animated: true },
  { mediaType: 'video', mimeType: 'video/mp4', file: 'clip.mp4' },
  { mediaType: 'audio', mimeType: 'audio/ogg; codecs=opus', file: 'voice-note.ogg', voice: true },
  { mediaType: 'document', mimeType: 'application/pdf', file: 'contract.pdf', filename: 'Vertrag für März.pdf' },
  { mediaType: 'document', mimeType: DOCX, file: 'letter.docx', filename: 'letter.docx' },
  { mediaType: 'document', mimeType: 'application/octet-stream', filename: 'measurements.bin' },
]

export interface DemoOptions {
  /** The folder with the sample files. */
  samples: string
  output: Terminal
  /** `bucket` (and `endpoint`, `region`, `prefix`) archive into S3; without a bucket the demo uses a temporary folder. */
  config: EnvConfig
  /** Size of the generated document. Default 100,000,000 bytes: the largest that WhatsApp delivers. */
  generatedBytes?: number | undefined
  /** Keeps the demo up at its end, with a page that shows the archived media, until this resolves. Default: it ends. */
  keepUntil?: (() => Promise<unknown>) | undefined
  /** Default: no colours. */
  paint?: Paint | undefined
}

/**
 * The main job on this machine alone: a fake Cloud API, real files, signed webhooks to a server, and a storage. Delivers
 * a webhook for each file, reads the archived object back through its signed URL and compares the bytes, then delivers
 * everything again to show that nothing is stored twice.
 *
 * @throws Error when anything differs.
 */
export async function runDemo(options: DemoOptions): Promise<void> {
  const { output, config, keepUntil, paint = PLAIN_PAINT } = options
  const cleanUps: (() => Promise<unknown>)[] = []
  const print = (line: string): void => void output.write(`${line}\n`)
  try {
    const server = await startDemoServer()
    cleanUps.push(server.close)
    const api = await createFakeCloudApi()
    cleanUps.push(api.close)
    const opened = config.bucket === undefined ? await openTemporaryFolder(server) : openBucket(config, config.bucket)
    cleanUps.push(opened.close)
    const demo = createDemoArchive({ api, server, storage: opened.storage, prefix: config.prefix })
    cleanUps.push(demo.close)

    const isKept = keepUntil !== undefined
    // An address that is printed must work as long as its reader sees it.
    const places = isKept ? [`${server.origin}/webhook`, `a fake Cloud API at ${api.origin}`] : PLACES
    print(`Signed webhooks to ${places[0]}, media from ${places[1]},`)
    print(`archived into ${opened.name}\n`)
    print(paint('heading', isKept ? `${TABLE_HEAD}, and a signed URL` : TABLE_HEAD))
    const added = await addSamples(api, options)
    const archived = await deliverEach(demo, added, { ...options, print })
    print('Each was read back through its signed URL, and its bytes are the ones sent.')
    await deliverAgain(demo, added)
    print(`Delivered again, in one webhook: all ${added.length} were there already, nothing was stored twice.`)
    if (!isKept) {
      print(`\n${opened.end}`)
      print('Next: add --keep to see the files in your browser: npx whatsapp-media-archive demo --keep')
      return
    }
    server.route('', createPageListener({ archived, sign: demo.sign }))
    print(`\nThe archived media are shown at ${server.origin}/ until Ctrl-C.`)
    await keepUntil()
  } finally {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  }
}

async function addSamples(
  api: FakeCloudApi,
  { samples, generatedBytes = 100_000_000 }: DemoOptions,
): Promise<AddedMedia[]> {
  const added: AddedMedia[] = []
  for (const { file, ...sample } of SAMPLES) {
    const bytes =
      file === undefined ? createGeneratedBytes({ size: generatedBytes }) : await readFile(join(samples, file))
    added.push(await api.addMedia({ ...sample, bytes }))
  }
  return added
}

/** Delivers a webhook for each, one after the other: two progress bars would draw over each other. */
async function deliverEach(
  demo: DemoArchive,
  added: readonly AddedMedia[],
  { output, paint, keepUntil, print }: DemoOptions & { print: (line: string) => void },
): Promise<ArchivedMedia[]> {
  const archived: ArchivedMedia[] = []
  for (const item of added) {
    const progress = createProgress(output, item.reference.mediaType.padEnd(8), item.size)
    const startedAt = performance.now()
    const delivered = await demo.deliver([item], progress.update).finally(progress.end)
    const ms = performance.now() - startedAt
    for (const media of delivered) {
      const url = await demo.sign(media)
      await compareBytes(url, media)
      print(describeArchived(media, { ms, paint, url: keepUntil === undefined ? undefined : url }))
      archived.push(media)
    }
  }
  return archived
}

async function deliverAgain(demo: DemoArchive, added: readonly AddedMedia[]): Promise<void> {
  const again = await demo.deliver(added)
  const stored = again.filter(({ alreadyStored }) => !alreadyStored)
  if (stored.length > 0) throw new Error(`${stored.length} files were stored twice`)
}

async function compareBytes(url: string, { size, sha256, key }: ArchivedMedia): Promise<void> {
  const response = await fetch(url)
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    hash.update(chunk)
    bytes += chunk.length
  }
  if (response.status !== 200) throw new Error(`${key} could not be read: HTTP ${response.status}`)
  if (bytes !== size || hash.digest('hex') !== sha256) throw new Error(`${key} has other bytes than were sent`)
}

const TABLE_HEAD = 'type              size  proven       time  key'

const PLACES = ['a server on this machine', 'a fake Cloud API'] as const

/**
 * One archived media item in a line of text, and its URL in another; `ms` is the time from its webhook to the archived
 * object.
 */
export function describeArchived(
  { mediaType, size, integrity, key }: ArchivedMedia,
  { ms, url, paint = PLAIN_PAINT }: { ms: number; url?: string | undefined; paint?: Paint | undefined },
): string {
  const bytes = `${size.toLocaleString('en')} B`.padStart(13)
  // Against the hash in the webhook, or else only hashed here.
  const proven = integrity === 'announced' ? paint('good', 'proven') : paint('odd', 'hashed')
  const time = `${Math.round(ms)} ms`.padStart(9)
  return `${mediaType.padEnd(8)} ${bytes}  ${proven}  ${time}  ${key}${url === undefined ? '' : `\n         ${url}\n`}`
}
