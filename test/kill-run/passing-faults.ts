import { setTimeout as wait } from 'node:timers/promises'
import type { FakeCloudApi } from '../../src/testing/fake-cloud-api.js'

/** The first downloads fail. One call makes three attempts: of up to four failures in a row, some reach the queue. */
export function spoilDownloads(api: Pick<FakeCloudApi, 'fail'>, mediaId: string, random: () => number): void {
  const times = 1 + Math.floor(random() * 4)
  const fault = { on: 'download', times, mediaId } as const
  const kind = Math.floor(random() * 4)
  if (kind === 0) api.fail({ ...fault, kind: 'status', status: 503 })
  else if (kind === 1) api.fail({ ...fault, kind: 'reset', afterBytes: 1_000 })
  else if (kind === 2) api.fail({ ...fault, kind: 'close-early' })
  // Wrong bytes three times are no passing fault: the queue then waits for minutes.
  else api.fail({ ...fault, kind: 'flip-bit', times: Math.min(times, 2) })
}

/** The same pieces, the first of them after a while: work lasts long enough to be killed in its midst. */
export async function* delayPieces(pieces: AsyncIterable<Uint8Array>, thinksMs: number): AsyncGenerator<Uint8Array> {
  await wait(thinksMs)
  yield* pieces
}
