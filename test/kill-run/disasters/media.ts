import { Readable } from 'node:stream'
import type { AddedMedia, FakeMedia } from '../../../src/testing/fake-cloud-api.js'
import { createGeneratedBytes } from '../../../src/testing/generated-bytes.js'
import { delayPieces, spoilDownloads } from '../passing-faults.js'
import { type AccountId, PHONE_NUMBER_IDS } from './accounts.js'
import type { RotatingCloudApi } from './cloud-api.js'

/** A file that WhatsApp has for us. */
export interface Medium extends AddedMedia {
  accountId: AccountId
}

interface Kind extends Pick<FakeMedia, 'mediaType' | 'mimeType' | 'voice'> {
  largestBytes: number
}

/** As people send them, though no film is as long. */
const KINDS: readonly Kind[] = [
  { mediaType: 'image', mimeType: 'image/jpeg', largestBytes: 1_000_000 },
  { mediaType: 'image', mimeType: 'image/png', largestBytes: 300_000 },
  { mediaType: 'audio', mimeType: 'audio/ogg; codecs=opus', largestBytes: 200_000, voice: true },
  { mediaType: 'video', mimeType: 'video/mp4', largestBytes: 4_000_000 },
  { mediaType: 'document', mimeType: 'application/pdf', largestBytes: 2_000_000 },
  { mediaType: 'sticker', mimeType: 'image/webp', largestBytes: 100_000 },
]
const FAULT_SHARE = 0.05
const DISK_SHARE = 0.25
const THINKS_MS = 250

/** Makes the media, and has the API hold it. A few of its downloads fail at first. */
export async function addMedia(api: RotatingCloudApi, count: number, random: () => number): Promise<Medium[]> {
  const media: Medium[] = []
  for (let index = 0; index < count; index++) {
    const { largestBytes, ...kind } = pickOne(KINDS, random)
    // Both ends for certain; between them mostly small ones.
    const share = index < 2 ? index : 0.4 + 0.6 * random()
    const generated = createGeneratedBytes({ size: Math.round(largestBytes ** share), seed: index })
    const stream = (): Readable => Readable.from(delayPieces(generated.stream(), THINKS_MS))
    const accountId = random() < DISK_SHARE ? 'paper' : 'pixels'
    const added = await api.addMedia({
      ...kind,
      ...(kind.mediaType === 'document' ? { filename: `Offer ${index}.pdf` } : {}),
      bytes: { ...generated, stream },
      mediaId: String(1_761_000_000_000_000 + index),
      phoneNumberId: PHONE_NUMBER_IDS[accountId],
    })
    if (random() < FAULT_SHARE) spoilDownloads(api, added.mediaId, random)
    media.push({ ...added, accountId })
  }
  return media
}

export function pickOne<T>(list: readonly T[], random: () => number): T {
  const picked = list[Math.floor(random() * list.length)]
  if (picked === undefined) throw new Error('nothing to pick from')
  return picked
}

export function shuffle<T>(list: readonly T[], random: () => number): T[] {
  return list
    .map((each) => ({ each, at: random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ each }) => each)
}
