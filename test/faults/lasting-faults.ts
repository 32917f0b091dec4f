import { archiveMedia } from '../../src/archive.js'
import type { MediaReference } from '../../src/media-reference.js'
import { createS3Storage } from '../../src/storage/s3.js'
import type { FakeCloudApi, FakeMedia } from '../../src/testing/fake-cloud-api.js'
import type { Timeouts } from '../../src/timing/deadlines.js'
import { createFaultProxy } from '../fault-proxy.js'
import { type Cell, cellsOf, createMatrix, MEDIA_BYTES } from './cells.js'
import { referenceFor } from './matrix.js'
import type { S3StandIn } from './s3-stand-in.js'

/** A media item, and a way to the store, that together fail whenever they are tried. Plain JSON. */
export interface LastingFault {
  name: string
  /** Where it fails. */
  phase: Cell['phase']
  media: MediaReference
  endpoint: string
  /** What waits for a deadline gets short ones. All else has the defaults, so that a clock left running shows. */
  timeouts: Timeouts
}

export interface FaultyWorld {
  api: FakeCloudApi
  s3: S3StandIn
  /** For `createS3Storage`, beside the endpoint. */
  store: { bucket: string; region: string; credentials: { accessKeyId: string; secretAccessKey: string } }
  accountId: string
  appSecret?: string
  media: Omit<FakeMedia, 'bytes'>
}

const SHORT = { headersMs: 300, idleMs: 300, storageMs: 300, totalMs: 400 }
const bytes = Buffer.alloc(MEDIA_BYTES, 'fault')

/** One for each cell of the matrix that ends in an error, and how to end them all. */
export async function createLastingFaults(
  world: FaultyWorld,
): Promise<{ faults: LastingFault[]; close(): Promise<void> }> {
  const cells = cellsOf(createMatrix('http://127.0.0.1:1')).filter(
    ({ frequency, expected }) => frequency === 'always' && expected.outcome !== 'archived',
  )
  const made = await Promise.all(cells.map((cell) => createLastingFault(cell, world)))
  return {
    faults: made.map(({ fault }) => fault),
    async close() {
      await Promise.all(made.map(({ close }) => close()))
    },
  }
}

async function createLastingFault(
  cell: Cell,
  world: FaultyWorld,
): Promise<{ fault: LastingFault; close: () => Promise<void> }> {
  const { api, s3, store, accountId, appSecret } = world
  const media = referenceFor(cell, await api.addMedia({ ...world.media, bytes }))
  const { origin: endpoint, next, close } = await createFaultProxy(s3)
  if (cell.phase === 'compare') {
    const storage = createS3Storage({ ...store, endpoint })
    const { accessToken, cloudApi } = api
    const secret = appSecret === undefined ? {} : { appSecret }
    await archiveMedia(media, { storage, accountId, accessToken, cloudApi, ...secret })
    await storage.close?.()
  }
  if ('api' in cell.fault) api.fail({ ...cell.fault.api, mediaId: media.mediaId })
  else next(cell.fault.store)
  const timeouts = cell.waits ? SHORT : {}
  return { fault: { name: `${cell.phase}: ${cell.name}`, phase: cell.phase, media, endpoint, timeouts }, close }
}
