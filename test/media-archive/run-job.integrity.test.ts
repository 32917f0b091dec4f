import { describe, expect, it } from 'vitest'
import type { MediaArchive, MediaArchiveOptions } from '../../src/media-archive.js'
import type { MediaReference } from '../../src/media-reference.js'
import type { JobOutcome } from '../../src/queues.js'
import {
  addFreshPhoto,
  addPhoto,
  api,
  archived,
  buildJob,
  create,
  runAgain,
  runJob,
  sha256,
  storage,
} from './archive-scene.js'

describe('processJob with integrity report', () => {
  const OTHER_HASH = 'ab'.repeat(32)
  const reporting = (more: Partial<MediaArchiveOptions> = {}): MediaArchive => create({ integrity: 'report', ...more })
  const announcedOtherwise = async (): Promise<MediaReference> => ({ ...(await addPhoto()), sha256: OTHER_HASH })
  /** As a queue keeps it, for a worker of another process. */
  const viaJson = (outcome: JobOutcome): JobOutcome => JSON.parse(JSON.stringify(outcome))

  it('settles it over jobs of one attempt each, other faults in between', async () => {
    const first = await runJob(reporting(), await announcedOtherwise())
    expect(first).toMatchObject({
      outcome: 'retry',
      job: { seenSha256: sha256, faults: { 'integrity-mismatch': 1 } },
    })
    api.fail({ on: 'look-up', kind: 'status', status: 503, times: 1 })
    const second = await runAgain(reporting(), viaJson(first), 2)
    expect(second).toMatchObject({ outcome: 'retry', job: { seenSha256: sha256 }, error: { status: 503 } })
    expect(await runAgain(reporting(), viaJson(second), 3)).toEqual({ outcome: 'done' })
    expect(archived).toMatchObject([{ integrity: 'mismatch-reported', sha256 }])
  })

  it('looks the size up although no attempt was counted', async () => {
    const first = await runJob(reporting(), await announcedOtherwise())
    expect(await runAgain(reporting(), viaJson(first), 1)).toEqual({ outcome: 'done' })
  })

  it('keeps the last of hashes that differ, and none in a dead letter', async () => {
    for (const offset of [1_000, 1_001, 1_002]) api.fail({ on: 'download', kind: 'flip-bit', offset, times: 1 })
    const seen: unknown[] = []
    const archive = reporting()
    const reference = await addFreshPhoto()
    let outcome = await runJob(archive, reference)
    for (const attempt of [2, 3]) {
      seen.push('job' in outcome && outcome.job.seenSha256)
      outcome = await runAgain(archive, outcome, attempt)
    }
    expect(new Set(seen).size).toBe(2)
    expect(outcome).toMatchObject({ outcome: 'dead-letter', error: { code: 'integrity-mismatch' } })
    expect(outcome).not.toHaveProperty('job.seenSha256')
  })

  it('is not what a job can ask for', async () => {
    const job = buildJob(await announcedOtherwise(), { seenSha256: sha256 })
    expect(await create().processJob(job, { attempt: 2 })).toMatchObject({
      ...{ outcome: 'retry', error: { code: 'integrity-mismatch' } },
    })
    expect(storage.keys()).toEqual([])
  })

  it('needs two attempts where no other call follows', async () => {
    await expect(reporting().archive(await addPhoto())).rejects.toMatchObject({
      ...{ code: 'invalid-option', option: 'attempts' },
    })
    expect(await reporting({ attempts: 2 }).archive(await addPhoto())).toMatchObject({ sha256 })
  })
})
