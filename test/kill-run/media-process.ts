/* A fake Cloud API in a process of its own, with media of every size and faults that pass. Told to end by its parent. */
import { Readable } from 'node:stream'
import { createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'
import { createGeneratedBytes } from '../../src/testing/generated-bytes.js'
import { delayPieces, spoilDownloads } from './passing-faults.js'
import { seededRandom } from './seeded-random.js'

/** What the parent asks for. */
export interface MediaOrder {
  count: number
  smallestBytes: number
  largestBytes: number
  /** The share of media whose first downloads fail. */
  faultShare: number
  /** How long the host thinks before it sends a body. */
  thinksMs: number
}

/** What the parent gets. */
export interface MediaSource {
  cloudApi: FakeCloudApi['cloudApi']
  accessToken: string
  media: { mediaId: string; sha256: string; size: number; object: Record<string, unknown> }[]
}

process.once('message', (order: MediaOrder) => {
  void serve(order).then((source) => process.send?.(source))
})
process.once('disconnect', () => process.exit())

async function serve(order: MediaOrder): Promise<MediaSource> {
  const { count, smallestBytes, largestBytes, faultShare, thinksMs } = order
  const api = await createFakeCloudApi()
  const random = seededRandom(1)
  const media: MediaSource['media'] = []
  for (let index = 0; index < count; index++) {
    // Both ends for certain; between them mostly small ones, as people send.
    const share = index < 2 ? index : random() ** 3
    const size = Math.round(smallestBytes * (largestBytes / smallestBytes) ** share)
    const generated = createGeneratedBytes({ size, seed: index })
    const stream = (): Readable => Readable.from(delayPieces(generated.stream(), thinksMs))
    const bytes = { ...generated, stream }
    const { mediaId, sha256, mediaObject } = await api.addMedia({
      bytes,
      mediaId: String(1_761_000_000_000_000 + index),
      mimeType: 'image/jpeg',
      mediaType: 'image',
    })
    media.push({ mediaId, sha256, size, object: mediaObject })
    if (random() < faultShare) spoilDownloads(api, mediaId, random)
  }
  return { cloudApi: api.cloudApi, accessToken: api.accessToken, media }
}
