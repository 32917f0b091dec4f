import { expect } from 'vitest'
import type { RedisPair } from '../../integration-redis/pair.js'
import type { RotatingBucket } from './bucket.js'
import type { RotatingCloudApi } from './cloud-api.js'
import type { SmallDisk } from './disk.js'
import { pickOne, shuffle } from './media.js'
import { writeSecrets } from './secrets.js'
import type { Note, WorkLog } from './work-log.js'

/** Something that happens to the world. */
export interface Strike {
  name: string
  /** True: no work is under way when it begins. */
  needsQuiet?: boolean
  begin(): Promise<void>
  /** Waits until workers have felt it, and ends it. There is work for them all the while. */
  end(): Promise<void>
}

export interface World {
  api: RotatingCloudApi
  bucket: RotatingBucket
  disk: SmallDisk
  pair: RedisPair
  log: WorkLog
  /** The file that the secrets are in. */
  secrets: string
}

/** One of each kind in each round, with the order and the variations that chance decides. From the second round on, some come together. */
export function planStrikes(world: World, rounds: number, random: () => number): Strike[] {
  const strikes = Array.from({ length: rounds }, () => shuffle(listStrikes(world, random), random))
  return strikes.flatMap((round, index) => (index === 0 ? round : joinSome(round, random)))
}

function joinSome(strikes: readonly Strike[], random: () => number): Strike[] {
  const joined: Strike[] = []
  for (const strike of strikes) {
    const last = joined.at(-1)
    if (last === undefined || strike.needsQuiet === true || random() < 0.5) joined.push(strike)
    else joined[joined.length - 1] = join(last, strike)
  }
  return joined
}

/** Both at once. Each ends by itself, for one may hide the other until then. */
function join(one: Strike, other: Strike): Strike {
  return {
    name: `${one.name} + ${other.name}`,
    ...(one.needsQuiet === true ? { needsQuiet: true } : {}),
    async begin() {
      await one.begin()
      await other.begin()
    },
    end: async () => void (await Promise.all([one.end(), other.end()])),
  }
}

function listStrikes(world: World, random: () => number): Strike[] {
  return [
    rotateToken(world, { isLate: random() < 0.7 }),
    rotateKeys(world, { isLate: random() < 0.7 }),
    fillDisk(world),
    failOver(world, pickOne(FAILOVERS, random)),
    forgetConnections(world, { how: pickOne(FORGETTING, random), needsQuiet: true, withRedis: random() < 0.5 }),
    forgetConnections(world, { how: pickOne(FORGETTING, random), needsQuiet: false, withRedis: random() < 0.5 }),
  ]
}

const FORGETTING = ['reset', 'silence'] as const
/** What clients see of the old primary. */
const FAILOVERS = [
  'refuses writes',
  'falls silent',
  'is killed',
  'refuses writes and none follows for a while',
] as const

/** Waits for a note that was not there at the beginning. */
function watchLog({ log }: World): {
  begin(): Promise<void>
  until(what: string, isIt: (note: Note) => boolean): Promise<void>
} {
  let since = 0
  return {
    async begin() {
      since = (await log.read()).length
    },
    until: (what, isIt) => log.until(what, { since, isIt }),
  }
}

/** Finds the end of a job that has failed so: not only of an attempt, for the next one may succeed in the same run. */
function isStopped(failure: string): (note: Note) => boolean {
  const failed = new Set<string>()
  return ({ what, mediaId = '', detail }) => {
    if (what === 'failed' && detail === failure) failed.add(mediaId)
    return what === 'end' && detail !== 'done' && failed.has(mediaId)
  }
}

/** @param options `isLate`: the secrets manager has the new one only after the old one was refused. */
function rotateToken(world: World, { isLate }: { isLate: boolean }): Strike {
  const watch = watchLog(world)
  const { api, secrets } = world
  return {
    name: `WhatsApp token${isLate ? ', the new one late' : ''}`,
    async begin() {
      await watch.begin()
      const accessToken = api.rotate()
      if (!isLate) await writeSecrets(secrets, { accessToken })
    },
    async end() {
      if (!isLate) return
      await watch.until(
        'pause for a rejected token',
        ({ what, detail }) => what === 'paused' && detail === 'access-token',
      )
      await writeSecrets(secrets, { accessToken: api.token() })
    },
  }
}

function rotateKeys(world: World, { isLate }: { isLate: boolean }): Strike {
  const watch = watchLog(world)
  const { bucket, secrets } = world
  return {
    name: `S3 keys${isLate ? ', the new ones late' : ''}`,
    async begin() {
      await watch.begin()
      const keys = await bucket.rotate()
      if (!isLate) await writeSecrets(secrets, keys)
    },
    async end() {
      if (!isLate) return
      await watch.until('job that old S3 keys stop', isStopped('storage-failed InvalidAccessKeyId'))
      await writeSecrets(secrets, bucket.keys())
    },
  }
}

function fillDisk(world: World): Strike {
  const watch = watchLog(world)
  const { disk } = world
  return {
    name: 'full disk',
    async begin() {
      await watch.begin()
      disk.fill()
    },
    async end() {
      await watch.until('job that a full disk stops', isStopped('storage-failed ENOSPC'))
      disk.free()
    },
  }
}

/** What Redis has acknowledged is on the replica when that takes over: see `openPair`. */
function failOver(world: World, how: (typeof FAILOVERS)[number]): Strike {
  const watch = watchLog(world)
  const { pair } = world
  const isLong = how === 'is killed' || how === 'refuses writes and none follows for a while'
  let settle = async (): Promise<void> => {}
  return {
    name: `Redis fails over, the old primary ${how}`,
    async begin() {
      await watch.begin()
      if (how === 'falls silent') pair.road.forget()
      if (how === 'is killed') await pair.road.cut()
      const demoted = await pair.demote()
      settle = async () => {
        await demoted.settle()
        await pair.road.mend()
      }
      if (!isLong) await settle()
    },
    async end() {
      await watch.until('fault of Redis', ({ what }) => what === 'redis')
      if (isLong) await settle()
    },
  }
}

function forgetConnections(
  { api, bucket, pair }: World,
  { how, needsQuiet, withRedis }: { how: 'reset' | 'silence'; needsQuiet: boolean; withRedis: boolean },
): Strike {
  const which = needsQuiet ? 'idle connections' : 'all connections'
  return {
    name: `${which} forgotten: ${how}${withRedis ? ", Redis's too" : ''}`,
    needsQuiet,
    async begin() {
      const forgotten = [api.network, bucket.network].map((network) => network.forget(how))
      if (withRedis) pair.road.forget()
      // Otherwise nothing is proven.
      if (needsQuiet) expect(Math.max(...forgotten)).toBeGreaterThan(0)
    },
    async end() {},
  }
}
