import { setTimeout as wait } from 'node:timers/promises'
import { type BuiltWebhook, buildWebhook, deliver } from '../../../src/testing/build-webhook.js'
import { appSecret } from '../start-webhooks.js'
import type { Medium } from './media.js'

/** Delivers webhooks as Meta does. */
export interface Deliveries {
  /** Announces the media, and resolves when each webhook was answered with 200, however often it took. */
  deliver(media: readonly Medium[]): Promise<void>
  /** How many answers were not 200. */
  countRefused(): number
}

const MOST_ITEMS = 4
const TWICE_SHARE = 0.3
const LATE_SHARE = 0.3
const OLD_SHARE = 0.5
const OLD_MS = 600_000
/** Meta waits longer. */
const BETWEEN_TRIES_MS = 250

export function createDeliveries(url: string, random: () => number): Deliveries {
  let refused = 0
  /** Those that come once more, with the next media. */
  let late: BuiltWebhook[] = []
  const deliverOne = async (payload: BuiltWebhook): Promise<void> => {
    while ((await deliver(url, payload, { appSecret })).status !== 200) {
      refused++
      await wait(BETWEEN_TRIES_MS)
    }
  }
  return {
    async deliver(media) {
      const payloads = late
      late = []
      for (let index = 0; index < media.length; ) {
        const size = 1 + Math.floor(random() * MOST_ITEMS)
        // Where it is old, the store is asked before a download.
        const timestamp = new Date(Date.now() - (random() < OLD_SHARE ? OLD_MS : 0))
        const items = media.slice(index, index + size).map((each) => ({ media: each, timestamp }))
        const payload = buildWebhook(items)
        payloads.push(payload)
        if (random() < TWICE_SHARE) payloads.push(payload)
        if (random() < LATE_SHARE) late.push(payload)
        index += size
      }
      await Promise.all(payloads.map(deliverOne))
    },
    countRefused: () => refused,
  }
}
