import { number, startClient } from './processes.js'
import type { Results } from './results.js'
import { median, rotated, significant } from './statistics.js'

const URLS = 1_000
/** How often a round signs them all: the cheaper way takes a few milliseconds. */
const TIMES = { ours: 10, sdk: 2 }

/** CPU time of a signed URL when 1,000 are signed at once, the day's key long cached. */
export async function measureSigning({ rounds }: { rounds: number }): Promise<Results['signing']> {
  const ways = ['ours', 'sdk'] as const
  const all = await Promise.all(
    ways.map(async (way) => {
      const client = await startClient('./signing.mjs', { WAY: way, URLS: String(URLS) })
      return { way, client, costs: Array.of<number>() }
    }),
  )
  try {
    for (const { way, client } of all) await client.ask({ run: TIMES[way] * 2 })
    for (let round = 0; round < rounds; round++) {
      for (const { way, client, costs } of rotated(all, round)) {
        costs.push(number(await client.ask({ run: TIMES[way] }), 'microsPerUrl'))
      }
    }
  } finally {
    for (const { client } of all) await client.stop()
  }
  return { urls: URLS, rows: all.map(({ way, costs }) => ({ way, microsPerUrl: significant(median(costs)) })) }
}
