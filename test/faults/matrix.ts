import { createHash } from 'node:crypto'
import { type ArchivedMedia, archiveMedia } from '../../src/archive.js'
import { WhatsAppMediaError } from '../../src/errors.js'
import type { MediaEvent } from '../../src/events.js'
import { createNodeHttpClient } from '../../src/http/node.js'
import type { MediaReference } from '../../src/media-reference.js'
import { createS3Storage, type S3ConnectionOptions } from '../../src/storage/s3.js'
import { type AddedMedia, createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'
import { createFaultProxy, type FaultProxy } from '../fault-proxy.js'
import { ATTEMPTS, type Cell, MEDIA_BYTES } from './cells.js'
import { type OpenRequests, watchOpenRequests } from './open-requests.js'

/** The store behind the fault proxy. */
export interface FaultTarget {
  host: string
  port: number
  isSecure?: boolean
  bucket: string
  options: Pick<S3ConnectionOptions, 'region' | 'credentials'>
  /** The bytes of all objects under a prefix. */
  objects(prefix: string): Promise<Uint8Array[]>
}

export interface CellResult {
  /** `archived`, an error code, or a text that no cell expects. */
  outcome: string
  attempts: number
  /** Objects under the cell's prefix. */
  objects: number
  wrongObjects: number
  /** Connections that a request still held after the archive had settled. */
  openRequests: number
  /** What the same archive came to once the fault was over. */
  afterwards: string
  objectsAfterwards: number
}

/** What a fault that is over may leave: the outcome, and nothing else. */
export function expectedResult({ phase, expected }: Cell): CellResult {
  const { outcome, attempts } = expected
  const objects = outcome === 'archived' || phase === 'compare' ? 1 : 0
  return {
    outcome,
    attempts,
    objects,
    wrongObjects: 0,
    openRequests: 0,
    afterwards: 'archived',
    objectsAfterwards: 1,
  }
}

/** For what waits for a deadline: long beside what healthy steps take, short beside what a test may. */
const SHORT = { headersMs: 1_500, idleMs: 1_500, storageMs: 1_500, totalMs: 3_000 }

/** Three attempts, each with its deadline, one more look at the store, and the back-off take less. */
const HUNG_AFTER_MS = 25_000

// The first bytes of a JPEG, and more.
const bytes = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(MEDIA_BYTES - 4, 'jpeg')])
const sha256 = hashOf(bytes)

/** Runs one cell with servers of its own, save the store. */
async function runCell(cell: Cell, target: FaultTarget, requests: OpenRequests): Promise<CellResult> {
  const api = await createFakeCloudApi()
  const proxy = await createFaultProxy(target)
  const http = createNodeHttpClient()
  const storage = createS3Storage({ ...target.options, bucket: target.bucket, endpoint: proxy.origin })
  const prefix = `faults/${[cell.phase, cell.name, cell.frequency].join('/').replaceAll(' ', '-')}/`
  const events: MediaEvent[] = []
  const archive = (media: MediaReference): Promise<ArchivedMedia> =>
    archiveMedia(media, {
      storage,
      http,
      prefix,
      accountId: 'faults',
      accessToken: async (reason) => (reason === 'rejected' ? renewed(api.accessToken) : api.accessToken),
      cloudApi: { ...api.cloudApi, authorization: (token) => ({ authorization: `Bearer ${unrenewed(token)}` }) },
      attempts: ATTEMPTS,
      timeouts: cell.waits ? SHORT : {},
      onEvent: (event) => events.push(event),
    })
  try {
    const media = referenceFor(cell, await api.addMedia({ bytes, mimeType: 'image/jpeg', mediaType: 'image' }))
    if (cell.phase === 'compare') await archive(media)
    events.length = 0
    apply(cell, api, proxy)
    const outcome = await settle(archive(media))
    const attempts = attemptsIn(events)
    const openRequests = await requests.to([portOf(api.origin), portOf(proxy.origin)])
    const objects = await target.objects(prefix)

    api.clearFaults()
    proxy.next(undefined)
    const afterwards = await settle(archive(media))
    const all = [...objects, ...(await target.objects(prefix))]
    return {
      outcome,
      attempts,
      objects: objects.length,
      wrongObjects: all.filter((object) => hashOf(object) !== sha256).length,
      openRequests,
      afterwards,
      objectsAfterwards: all.length - objects.length,
    }
  } finally {
    http.close()
    await storage.close?.()
    await Promise.all([api.close(), proxy.close()])
  }
}

function hashOf(object: Uint8Array): string {
  return createHash('sha256').update(object).digest('hex')
}

const RENEWED = 'renewed-'

/** Another name of the one token that the fake API takes: the same token again would not be tried a second time. */
function renewed(token: string): string {
  return `${RENEWED}${token}`
}

function unrenewed(token: string): string {
  return token.startsWith(RENEWED) ? token.slice(RENEWED.length) : token
}

function portOf(origin: string): number {
  return Number(new URL(origin).port)
}

function apply({ fault, frequency }: Cell, api: FakeCloudApi, proxy: FaultProxy): void {
  const times = frequency === 'once' ? { times: 1 } : {}
  if ('api' in fault) api.fail({ ...fault.api, ...times })
  else proxy.next({ ...fault.store, ...times })
}

const LONG_AGO_MS = 600_000

export function referenceFor({ phase }: Cell, { reference }: AddedMedia): MediaReference {
  const { downloadUrl, downloadUrlExpiresAt, ...media } = reference
  if (phase === 'direct download') return reference
  // Old messages probably come again: only for them is the store asked first.
  if (phase === 'head') return { ...media, timestamp: new Date(Date.now() - LONG_AGO_MS).toISOString() }
  return media
}

/** What an archive came to. One that does not come to anything ends its cell all the same. */
async function settle(archive: Promise<ArchivedMedia>): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const hung = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, HUNG_AFTER_MS, 'it hung')
  })
  const settled = archive.then(
    (media) => (media.sha256 === sha256 && media.integrity === 'announced' ? 'archived' : 'archived something else'),
    (error: unknown) => (WhatsAppMediaError.is(error) ? error.code : `an untyped error: ${error}`),
  )
  return Promise.race([settled, hung]).finally(() => clearTimeout(timer))
}

/** One 'attempt-failed' event each, and the one that succeeded. */
function attemptsIn(events: readonly MediaEvent[]): number {
  const counted = new Set(['attempt-failed', 'archived', 'already-stored'])
  return events.filter(({ type }) => counted.has(type)).length
}

/** Waiting is most of what the cells do. */
const AT_ONCE = 8

/** Runs cells, and gives their results in the order of the cells. */
export async function runCells(cells: readonly Cell[], target: FaultTarget): Promise<CellResult[]> {
  const requests = watchOpenRequests()
  const results: CellResult[] = []
  // The slow ones first, so that none of them is left for a lonely end.
  const left = [...cells.entries()].sort(([, a], [, b]) => slowness(b) - slowness(a))
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [index, cell] = next
      results[index] = await runCell(cell, target, requests)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  requests.stop()
  return results
}

function slowness({ waits, expected }: Cell): number {
  return waits ? expected.attempts : 0
}
