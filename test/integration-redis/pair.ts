import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { readEnvironment } from './redis.js'
import { openRoad, type Road } from './road.js'

/** A primary with its replica behind one name, as a managed Redis has them. */
export interface RedisPair {
  /** The name: new connections get to the primary. */
  road: Road
  /** The primary of the moment, past the name. */
  primary(): Redis
  /**
   * The replica becomes the primary, and the primary its replica, which takes no writes. The name then leads to the new
   * one; connections that stand stay on the old one.
   */
  failOver(): Promise<void>
  /** The name leads to the new primary only after `settle`: meanwhile there is none to write to. */
  demote(): Promise<{ settle(): Promise<void> }>
  close(): Promise<void>
}

/** Takes the pair that REDIS_PAIR_URLS names, whichever of them is the primary now. */
export async function openPair(): Promise<RedisPair> {
  const urls = readEnvironment('REDIS_PAIR_URLS').split(',')
  const [one, other] = urls.map((url) => ({ url, redis: new Redis(url) }))
  if (one === undefined || other === undefined) throw new Error('REDIS_PAIR_URLS must name two servers')
  const isPrimary = async ({ redis }: { redis: Redis }): Promise<boolean> =>
    /^role:master/m.test(await redis.info('replication'))
  let [primary, replica] = (await isPrimary(one)) ? [one, other] : [other, one]
  const road = await openRoad(primary.url)

  /** A replica that has not caught up would lose jobs by its promotion: a fault of that Redis, not of its clients. */
  const catchUp = async (): Promise<void> => {
    for (;;) {
      const [there, here] = await Promise.all([primary, replica].map(({ redis }) => redis.info('replication')))
      const sent = /^master_repl_offset:(\d+)/m.exec(there ?? '')?.[1]
      if (/^master_link_status:up/m.test(here ?? '') && here?.includes(`slave_repl_offset:${sent}\r`)) return
      await wait(50)
    }
  }
  const follow = async (node: { redis: Redis }, { url }: { url: string }): Promise<void> => {
    const { hostname, port } = new URL(url)
    await node.redis.replicaof(hostname, Number(port))
  }
  const demote = async (): Promise<{ settle(): Promise<void> }> => {
    await primary.redis.call('CLIENT', 'PAUSE', '10000', 'WRITE')
    await catchUp()
    await replica.redis.replicaof('NO', 'ONE')
    await follow(primary, replica)
    await primary.redis.call('CLIENT', 'UNPAUSE')
    ;[primary, replica] = [replica, primary]
    return { settle: async () => road.leadTo(primary.url) }
  }
  return {
    road,
    primary: () => primary.redis,
    demote,
    failOver: async () => (await demote()).settle(),
    async close() {
      await road.cut()
      for (const { redis } of [one, other]) redis.disconnect()
    },
  }
}
