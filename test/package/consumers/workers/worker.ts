// A Worker as docs/runtimes.md shows it, with a place to ask for what a test wants to know.
import { text as readText } from 'node:stream/consumers'
import { createMediaArchive, type MediaArchive } from 'whatsapp-media-archive'
import { createDeferredQueue, type DeferredJob, type DeferredQueue } from 'whatsapp-media-archive/queues/deferred'
import { createInProcessQueue } from 'whatsapp-media-archive/queues/in-process'
import { createFileSystemStorage } from 'whatsapp-media-archive/storage/file-system'
import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
import { createR2Storage } from 'whatsapp-media-archive/storage/r2'
import { createS3Storage } from 'whatsapp-media-archive/storage/s3'
import { type StorageConformanceOptions, storageConformance } from 'whatsapp-media-archive/testing'
import { createWebhookHandler } from 'whatsapp-media-archive/webhook'

interface Env {
  MEDIA: R2Bucket
  CLOUD_API: string
  S3: string
}

const SECRET = 'a secret of the signed URLs'
const log: object[] = []
const rows = new Map<string, DeferredJob>() // a database
let kept: MediaArchive | undefined
let keptQueue: DeferredQueue | undefined

/** Storages, queue and archive of one request. */
function open(env: Env, { origin, searchParams }: URL, waitUntil: (work: Promise<unknown>) => void) {
  const site = { baseUrl: `${origin}/media`, secret: SECRET }
  const storages = {
    r2: createR2Storage({ bucket: env.MEDIA, bucketName: 'media', ...site }),
    memory: createMemoryStorage(site),
    s3: createS3Storage({
      ...{ bucket: 'media', region: 'eu-central-1', endpoint: env.S3 },
      credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' },
    }),
  }
  const name = (searchParams.get('storage') ?? 'r2') as keyof typeof storages
  const createQueue = () =>
    createDeferredQueue({
      // The function that is stopped after its answer has the promise, and never ends it.
      waitUntil: (work) => (searchParams.has('stopped') ? undefined : waitUntil(work)),
      store: {
        save: async (jobs) => void jobs.map((job) => rows.set(job.id, job)),
        remove: async (ids) => void ids.map((id) => rows.delete(id)),
        // As if the time of each row had come.
        findDue: async ({ limit }) => [...rows.values()].slice(0, limit),
      },
    })
  const queue = searchParams.has('deferred') ? createQueue() : undefined
  const archive = createMediaArchive({
    storage: storages[name],
    queue,
    accounts: () => ({ accountId: 'acme', accessToken: 'token' }),
    cloudApi: { baseUrl: env.CLOUD_API, mediaHosts: [env.CLOUD_API] },
    onArchived: ({ key, size, integrity }) => void log.push({ archived: key, size, integrity }),
    onFailed: ({ error }) => void log.push({ failed: error.code, message: error.message }),
  })
  return { archive, queue, storages }
}

/** The suite's failures, and how many cases held. */
async function conform(options: StorageConformanceOptions) {
  const failures: string[] = []
  const cases = storageConformance(options)
  for (const { name, run } of cases) await run().catch((error) => failures.push(`${name}: ${error}`))
  return { cases: cases.length, failures }
}

function refusal(act: () => unknown): string {
  try {
    act()
    return 'none'
  } catch (error) {
    return String(error)
  }
}

const outside = refusal(() =>
  open(
    { MEDIA: { head() {}, get() {}, put() {}, delete() {}, list() {} }, CLOUD_API: 'https://graph.example' } as never,
    new URL('http://x/'),
    () => {},
  ),
)

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url)
    const { archive, queue, storages } = open(env, url, (work) => ctx.waitUntil(work))
    if (url.pathname.startsWith('/media/')) return storages.r2.handler(request)
    switch (url.pathname) {
      case '/webhook':
        return createWebhookHandler({
          appSecret: 'app-secret',
          verifyToken: 'verify-token',
          onMedia: url.searchParams.has('deferred')
            ? archive.enqueue
            : ({ media }) => ctx.waitUntil(Promise.allSettled(media.map((item) => archive.archive(item)))),
        })(request)
      case '/rows':
        return Response.json([...rows.values()])
      case '/redrive':
        return Response.json(await queue?.redrive())
      case '/log':
        return Response.json(log)
      case '/sign':
        return Response.json(await archive.signUrl(url.searchParams.get('key') ?? '', { accountId: 'acme' }))
      case '/read': {
        const found = await storages.s3.get(url.searchParams.get('key') ?? '')
        return new Response(found === null ? 'none' : await readText(found.body))
      }
      case '/conformance': {
        const fetch = (input: string, init?: RequestInit) => storages.r2.handler(new Request(input, init))
        return Response.json(await conform({ storage: () => storages.r2, fetch }))
      }
      case '/keep':
        kept = archive
        keptQueue = queue
        return new Response('kept')
      case '/refusals':
        return Response.json({
          outside,
          another: await kept?.archive({ mediaId: '1' } as never).then(() => 'none', String),
          redrive: await keptQueue?.redrive().then(() => 'none', String),
          queue: refusal(() => createInProcessQueue()),
          'file-system': refusal(() => createFileSystemStorage({ directory: '/tmp' })),
        })
      default:
        return new Response('nothing here', { status: 404 })
    }
  },
} satisfies ExportedHandler<Env>
