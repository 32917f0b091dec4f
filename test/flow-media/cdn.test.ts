import { describe, expect, it } from 'vitest'
import type { MediaEvent } from '../../src/events.js'
import { archiveMedia, decryptFlowMedia, extractFlowMedia } from '../../src/index.js'
import type { MediaReference } from '../../src/media-reference.js'
import { readQueued, toBulk } from '../../src/queues/bullmq/job.js'
import { toDeferredJob } from '../../src/queues/deferred/store.js'
import { createInProcessQueue } from '../../src/queues/in-process.js'
import { findSecrets, parseBody, toBody } from '../../src/queues/sqs/message.js'
import { removeJobAccess, removeJobUrl } from '../../src/queues/stored-job.js'
import type { JobOutcome, MediaJob } from '../../src/queues.js'
import type { Fault, FaultKind } from '../../src/testing/fake-cloud-api.js'
import {
  addPhoto,
  api,
  archived,
  buildJob,
  create,
  events,
  failed,
  listTypes,
  NUMBER,
  runJob,
  storage,
} from '../media-archive/archive-scene.js'

const bytes = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(40_000, 'flow')])

const addFile = async (more: object = {}): Promise<MediaReference> => {
  const { request } = await api.addFlowMedia({ bytes, ...more })
  const [media] = extractFlowMedia(request, { phoneNumberId: NUMBER, timestamp: new Date(), messageId: 'flow 7' }).media
  if (media === undefined) throw new Error('the request has a file')
  return media
}

const options = (more: object = {}) => ({
  ...{ storage, accountId: 'acme', accessToken: undefined, cloudApi: api.cloudApi, waitScale: 0.0001, attempts: 2 },
  ...more,
})
const listKinds = (): string[] => api.requests.map(({ kind }) => kind)
const findKeys = ({ encryption, downloadUrl }: MediaReference): string[] => [
  ...Object.values(encryption ?? {}),
  downloadUrl ?? '',
]

describe('archiveMedia with the file of a Flow', () => {
  it('stores it once under a stable key, with no token and no look-up, and shows no key', async () => {
    const media = await addFile()
    const result = await archiveMedia(media, options())
    expect(result).toMatchObject({
      size: bytes.length,
      sha256: media.sha256,
      mimeType: 'image/jpeg',
      keyIsStable: true,
    })
    expect(result).toMatchObject({ integrity: 'announced', alreadyStored: false, origin: 'flow-endpoint' })
    for (const key of findKeys(media)) expect(JSON.stringify(result)).not.toContain(key)
    expect(await archiveMedia(media, options())).toMatchObject({ key: result.key, alreadyStored: true })
    expect(new Set(listKinds())).toEqual(new Set(['flow-download']))
    expect(api.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true)
  })

  it('keeps a file whose bytes are of another type as an attachment', async () => {
    const media = await addFile({ bytes: Buffer.from('<!DOCTYPE html><script>alert(1)</script>'), filename: 'a.png' })
    const { key } = await archiveMedia(media, options())
    expect(await storage.head(key)).toMatchObject({ contentType: 'application/octet-stream' })
  })

  it.each<[string, FaultKind, number]>([
    ['a reset before the answer', { kind: 'reset' }, 2],
    ['a reset in the body', { kind: 'reset', afterBytes: 20_000 }, 2],
    ['an early end', { kind: 'close-early' }, 2],
    ['a wrong bit', { kind: 'flip-bit', offset: 9 }, 2],
    ['a byte less', { kind: 'short-body' }, 2],
    ['a byte more', { kind: 'long-body' }, 2],
    ['no bytes', { kind: 'empty' }, 2],
    ['a page', { kind: 'html-page' }, 2],
    ['503', { kind: 'status', status: 503 }, 2],
    ['429', { kind: 'status', status: 429 }, 2],
    ['403', { kind: 'status', status: 403 }, 2],
    ['a slow body', { kind: 'drip', bytes: 20_000, everyMs: 1 }, 1],
    ['no Content-Length', { kind: 'chunked' }, 1],
  ])('outlasts %s', async (_name, fault, requests) => {
    const media = await addFile()
    api.fail({ on: 'flow-download', times: 1, ...fault } as Fault)
    expect(await archiveMedia(media, options())).toMatchObject({ sha256: media.sha256 })
    expect(api.requests).toHaveLength(requests)
  })

  it.each<[string, FaultKind, object]>([
    ['404', { kind: 'status', status: 404 }, { code: 'media-gone', status: 404 }],
    ['410', { kind: 'status', status: 410 }, { code: 'media-gone', status: 410 }],
    ['400', { kind: 'status', status: 400 }, { code: 'download-failed', status: 400 }],
    ['a compressed body', { kind: 'gzip' }, { code: 'download-failed' }],
    ['a redirect to the look-ups', { kind: 'redirect', to: '/somewhere-else' }, { code: 'media-gone', status: 404 }],
    ['a redirect to another host', { kind: 'redirect', to: 'https://evil.example/' }, { code: 'host-refused' }],
    [
      'a redirect to the media host',
      { kind: 'redirect', to: 'https://lookaside.fbsbx.com/' },
      { code: 'host-refused' },
    ],
    ['an endless body', { kind: 'endless' }, { code: 'size-limit', limitBytes: 26_214_400 }],
  ])('ends at %s, and stores nothing', async (_name, fault, error) => {
    const media = await addFile()
    api.fail({ on: 'flow-download', ...fault } as Fault)
    const archiving = archiveMedia(media, options({ onEvent: (event: MediaEvent) => events.push(event) }))
    if ('to' in fault && fault.to === '/somewhere-else') await expect(archiving).rejects.toThrow()
    else await expect(archiving).rejects.toMatchObject(error)
    expect(storage.keys()).toEqual([])
    expect(listTypes().includes('host-refused')).toBe('code' in error && error.code === 'host-refused')
  })

  it('asks only the hosts of Flow files, and the media hosts never get such a request', async () => {
    const media = await addFile()
    const path = new URL(media.downloadUrl ?? '').pathname
    const { onEvent } = { onEvent: (event: MediaEvent) => events.push(event) }
    for (const origin of [api.origin, 'https://mmg.whatsapp.net.evil.example', 'http://mmg.whatsapp.net', 'file://']) {
      const elsewhere = { ...media, downloadUrl: `${origin}${path}` }
      await expect(archiveMedia(elsewhere, options())).rejects.toMatchObject({
        ...{ code: 'host-refused', message: expect.stringContaining('cloudApi.flowMediaHosts') },
      })
      await expect(decryptFlowMedia(elsewhere, { cloudApi: api.cloudApi, onEvent })).rejects.toMatchObject({
        code: 'host-refused',
      })
    }
    expect(api.requests).toEqual([])
    expect(listTypes()).toContain('host-refused')
    const closed = { ...api.cloudApi, flowMediaHosts: [] }
    await expect(archiveMedia(media, options({ cloudApi: closed }))).rejects.toMatchObject({ code: 'host-refused' })
  })

  it('is gone from the CDN like other media, and retries end at the deadline', async () => {
    const media = { ...(await addFile()), timestamp: '2026-01-01T00:00:00.000Z' }
    api.fail({ on: 'flow-download', kind: 'status', status: 503 })
    await expect(archiveMedia(media, options({ attempts: 9 }))).rejects.toMatchObject({ status: 503 })
    expect(api.requests).toHaveLength(1)
  })

  it('is what downloadMediaFromWhatsApp refuses', async () => {
    const { downloadMediaFromWhatsApp } = await import('../../src/download.js')
    await expect(downloadMediaFromWhatsApp(await addFile(), { accessToken: 'x' })).rejects.toMatchObject({
      ...{ code: 'invalid-option', message: expect.stringContaining('decryptFlowMedia') },
    })
  })
})

const SHAPES: Readonly<Record<string, (job: MediaJob) => unknown>> = {
  JSON: (job) => JSON.parse(JSON.stringify(job)),
  'a structured clone': (job) => structuredClone(job),
  BullMQ: (job) => readQueued(JSON.parse(JSON.stringify(toBulk(job).data))).job,
  SQS: (job) => parseBody(toBody(removeJobUrl(job))),
  'a deferred queue': (job) => JSON.parse(JSON.stringify(toDeferredJob(job, { afterSeconds: 0 }))).job,
}

describe('a job with the file of a Flow', () => {
  it.each(Object.entries(SHAPES))('comes whole through %s, and is archived without a look-up', async (_name, pass) => {
    const job = pass(buildJob(await addFile())) as MediaJob
    expect(await create().processJob(job, { attempt: 2 })).toEqual({ outcome: 'done' })
    expect(listKinds()).toEqual(['flow-download'])
    expect(archived).toMatchObject([{ origin: 'flow-endpoint', messageId: 'flow 7' }])
  })

  it('runs over an in-process queue, with what extractFlowMedia found', async () => {
    const { request } = await api.addFlowMedia({ bytes })
    const archive = create({ queue: createInProcessQueue() })
    await archive.enqueue(extractFlowMedia(request, { phoneNumberId: NUMBER, timestamp: new Date() }))
    await archive.idle()
    expect(archived).toMatchObject([{ size: bytes.length }])
    await archive.close()
  })

  it('keeps its keys for the next attempt, and loses them in a dead letter, in failures and in events', async () => {
    const media = await addFile()
    api.fail({ on: 'flow-download', kind: 'flip-bit', offset: 0 })
    let outcome: JobOutcome = await runJob(create(), media)
    expect(outcome).toMatchObject({ outcome: 'retry', job: { media: { encryption: media.encryption } } })
    for (const attempt of [2, 3]) if ('job' in outcome) outcome = await create().processJob(outcome.job, { attempt })
    expect(outcome).toMatchObject({ outcome: 'dead-letter', error: { code: 'integrity-mismatch' } })
    const shown = JSON.stringify([{ ...outcome }, failed, events]) + JSON.stringify(failed.map(({ media: m }) => m))
    for (const key of findKeys(media)) if (!/^[0-9a-f]{64}$/.test(key)) expect(shown).not.toContain(key)
    if (outcome.outcome !== 'dead-letter') return
    expect(outcome.job.media).not.toHaveProperty('encryption')
    // Enqueued again, it says what it lacks.
    expect(await create().processJob(outcome.job, { attempt: 1 })).toMatchObject({
      ...{ outcome: 'dead-letter', error: { code: 'invalid-option', option: 'job.media.encryption' } },
    })
  })

  it('retries a host that is refused without pausing others: a stranger chose it', async () => {
    const media = { ...(await addFile()), downloadUrl: 'https://evil.example/v/1' }
    const archive = create()
    expect(await runJob(archive, media)).toMatchObject({
      outcome: 'retry',
      isAttempt: true,
      error: { code: 'host-refused' },
    })
    expect(await runJob(archive, await addPhoto())).toEqual({ outcome: 'done' })
    expect(listTypes()).not.toContain('account-paused')
  })

  it('counts no look-up where the CDN has lost its file', async () => {
    const archive = create({ maxGonePerHour: 1 })
    const media = { ...(await addFile()), downloadUrl: `${api.cloudApi.flowMediaHosts[0]}/v/unknown` }
    expect(await runJob(archive, media)).toMatchObject({ outcome: 'retry', error: { code: 'media-gone', status: 404 } })
    expect(await runJob(archive, await addPhoto())).toEqual({ outcome: 'done' })
  })

  it('names its keys among the secrets of a queue, and loses them where dead letters lie', async () => {
    const job = buildJob(await addFile())
    expect(findSecrets(job)).toEqual(expect.arrayContaining(findKeys(job.media)))
    expect(JSON.stringify(removeJobAccess(job))).not.toContain(job.media.encryption?.hmacKey)
    expect(removeJobUrl(job)).toBe(job)
  })
})
