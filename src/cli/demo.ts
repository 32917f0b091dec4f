import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type ArchivedMedia, archiveMedia } from '../archive.js'
import type { EnvConfig } from '../config-from-env.js'
import type { MediaReference, MediaType } from '../media-reference.js'
import { signUrl } from '../signed-url.js'
import { createFileSystemStorage } from '../storage/file-system.js'
import { createS3Storage } from '../storage/s3.js'
import type { ObjectStorage } from '../storage.js'
import { createFakeCloudApi, type FakeCloudApi } from '../testing/fake-cloud-api.js'
import { createGeneratedBytes } from '../testing/generated-bytes.js'
import { createProgress, type Terminal } from './progress.js'

interface Sample {
  mediaType: MediaType
  mimeType: string
  /** In the samples folder; without one the body is generated. */
  file?: string
  filename?: string
  voice?: boolean
  animated?: boolean
}

const DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'

const SAMPLES: readonly Sample[] = [
  { mediaType: 'image', mimeType: 'image/jpeg', file: 'photo.jpg' },
  { mediaType: 'image', mimeType: 'image/png', file: 'diagram.png' },
  { mediaType: 'sticker', mimeType: 'image/webp', file: 'sticker.webp', animated: true },
  { mediaType: 'video', mimeType: 'video/mp4', file: 'clip.mp4' },
  { mediaType: 'audio', mimeType: 'audio/ogg; codecs=opus', file: 'voice-note.ogg', voice: true },
  { mediaType: 'document', mimeType: 'application/pdf', file: 'contract.pdf', filename: 'Vertrag für März.pdf' },
  { mediaType: 'document', mimeType: DOCX, file: 'letter.docx', filename: 'letter.docx' },
  { mediaType: 'document', mimeType: 'application/octet-stream', filename: 'measurements.bin' },
]

/** Bytes of the generated document: the largest that WhatsApp delivers. */
const GENERATED_BYTES = 100_000_000

export interface DemoOptions {
  /** The folder with the sample files. */
  samples: string
  output: Terminal
  /** `bucket` (and `endpoint`, `region`, `prefix`) archive into S3; without a bucket the demo uses a temporary folder. */
  config: EnvConfig
}

/**
 * The main job on this machine alone: a fake Cloud API, real files, and a storage. Archives all, reads each back
 * through its signed URL and compares the bytes, then archives all again to show that nothing is stored twice.
 *
 * @throws Error when anything differs.
 */
export async function runDemo(options: DemoOptions): Promise<void> {
  const { output, config, samples } = options
  const api = await createFakeCloudApi()
  const place = config.bucket === undefined ? await openTemporaryFolder() : openBucket(config, config.bucket)
  const print = (line: string): void => void output.write(`${line}\n`)
  try {
    print(`Archiving ${SAMPLES.length} files from a fake Cloud API at ${api.origin} into ${place.name}\n`)
    const archive = (media: MediaReference, storage = place.storage): Promise<ArchivedMedia> =>
      archiveMedia(media, {
        storage,
        accountId: 'demo',
        accessToken: api.accessToken,
        cloudApi: api.cloudApi,
        ...(config.prefix === undefined ? {} : { prefix: config.prefix }),
      })

    const references: MediaReference[] = []
    for (const sample of SAMPLES) {
      const { reference, size } = await addSample(api, samples, sample)
      references.push(reference)
      const progress = createProgress(output, sample.mediaType.padEnd(8), size)
      const startedAt = performance.now()
      const archived = await archive(reference, watched(place.storage, progress.update)).finally(progress.end)
      const { url } = await signUrl(archived.key, { ...config, storage: place.storage, accountId: 'demo' })
      await compare(url, archived)
      print(row(archived, performance.now() - startedAt))
      print(`         ${url}\n`)
    }
    print('Each was read back through its signed URL, and its bytes are the ones sent.')
    const again = await Promise.all(references.map((reference) => archive(reference)))
    const stored = again.filter(({ alreadyStored }) => !alreadyStored)
    if (stored.length > 0) throw new Error(`${stored.length} files were stored twice`)
    print(`Archived again: ${again.length} of ${again.length} were there already, nothing was stored twice.`)
  } finally {
    await place.close()
    await api.close()
  }
}

function row(media: ArchivedMedia, ms: number): string {
  const size = `${media.size.toLocaleString('en')} B`.padStart(13)
  const proven = media.integrity === 'announced' ? 'proven' : 'hashed'
  return `${media.mediaType.padEnd(8)} ${size}  ${proven}  ${`${Math.round(ms)} ms`.padStart(7)}  ${media.key}`
}

async function addSample(
  api: FakeCloudApi,
  folder: string,
  { file, ...sample }: Sample,
): Promise<{ reference: MediaReference; size: number }> {
  const bytes =
    file === undefined ? createGeneratedBytes({ size: GENERATED_BYTES }) : await readFile(join(folder, file))
  return api.addMedia({ ...sample, bytes })
}

/** The storage, telling how many bytes of a body have passed. */
function watched(storage: ObjectStorage, onBytes: (bytes: number) => void): ObjectStorage {
  return {
    ...storage,
    put(key, body, putOptions) {
      const counted = async function* (): AsyncGenerator<Uint8Array> {
        let bytes = 0
        for await (const chunk of body) {
          bytes += chunk.length
          onBytes(bytes)
          yield chunk
        }
      }
      return storage.put(key, Readable.from(counted()), putOptions)
    },
  }
}

async function compare(url: string, { size, sha256, key }: ArchivedMedia): Promise<void> {
  const response = await fetch(url)
  if (response.status !== 200 || response.body === null)
    throw new Error(`${key} could not be read: HTTP ${response.status}`)
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of response.body) {
    hash.update(chunk)
    bytes += chunk.length
  }
  if (bytes !== size || hash.digest('hex') !== sha256) throw new Error(`${key} has other bytes than were sent`)
}

interface Place {
  name: string
  storage: ObjectStorage
  close(): Promise<void>
}

function openBucket({ region, endpoint }: EnvConfig, bucket: string): Place {
  const storage = createS3Storage({
    bucket,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
  })
  return { name: `bucket ${bucket}`, storage, close: async () => storage.close?.() }
}

/** A folder of the file-system storage, and the server for its signed URLs. */
async function openTemporaryFolder(): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'whatsapp-media-archive-demo-'))
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const baseUrl = originOf(server)
  const storage = createFileSystemStorage({ directory, baseUrl, secret: 'only-for-the-demo-on-this-machine' })
  server.on('request', async (request, response) => {
    const answer = await storage.handler(
      new Request(new URL(request.url ?? '/', baseUrl), { headers: { ...rangeOf(request.headers.range) } }),
    )
    response.writeHead(answer.status, Object.fromEntries(answer.headers))
    if (answer.body === null) response.end()
    else await pipeline(answer.body, response).catch(() => response.destroy())
  })
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rm(directory, { recursive: true, force: true })
  }
  return { name: directory, storage, close }
}

function rangeOf(range: string | undefined): Record<string, string> {
  return range === undefined ? {} : { range }
}

function originOf(server: Server): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return `http://127.0.0.1:${address.port}`
}
