import { describe, expect, it } from 'vitest'
import { type ArchivedMedia, type ArchiveOptions, archiveMedia } from '../../src/archive.js'
import type { MediaReference } from '../../src/media-reference.js'
import { api, asked, events, freshPhoto, jpeg, options, photo, sha256, storage, without } from './scene.js'

describe('archiveMedia', () => {
  it('archives media of which no hash was announced, and finds it again', async () => {
    api.fail({ on: 'look-up', kind: 'no-sha256' })
    const reference = without(await photo(), 'sha256')
    expect(await archiveMedia(reference, options())).toMatchObject({
      integrity: 'unannounced',
      sha256,
      alreadyStored: false,
    })
    const old = { ...reference, timestamp: new Date(Date.parse(reference.timestamp) - 300_000).toISOString() }
    await archiveMedia(old, options())
    expect(await archiveMedia(old, options())).toMatchObject({ integrity: 'unannounced', sha256, alreadyStored: true })
  })

  it('does not take an object of another size than announced for its own', async () => {
    api.fail({ on: 'look-up', kind: 'no-sha256' })
    const { mediaId } = await photo()
    const stable = options({ mediaType: 'image', timestamp: '2026-11-20T10:00:00Z' })
    const { key } = await archiveMedia(mediaId, stable)
    api.clearFaults()
    api.fail({ on: 'look-up', kind: 'wrong-size' })
    await expect(archiveMedia(mediaId, { ...stable, attempts: 1 })).rejects.toMatchObject({
      code: 'integrity-mismatch',
    })
    expect(await storage.head(key)).toMatchObject({ size: jpeg.length })
  })

  it('refuses media whose webhook and look-up announce different hashes', async () => {
    const reference = { ...(await freshPhoto()), sha256: 'ab'.repeat(32) }
    await expect(archiveMedia(reference, options({ attempts: 1 }))).rejects.toMatchObject({
      code: 'integrity-mismatch',
      expectedSha256: 'ab'.repeat(32),
      observedSha256: sha256,
    })
    expect(asked()).toEqual(['look-up'])
  })

  it('keeps what contradicts its declared type from being shown', async () => {
    const page = Buffer.from('<!DOCTYPE html><script>alert(1)</script>')
    const { reference } = await api.addMedia({ bytes: page, mimeType: 'image/jpeg', mediaType: 'image' })
    const { key } = await archiveMedia(reference, options())
    expect(key).toMatch(/\.jpg$/)
    expect(await storage.head(key)).toMatchObject({
      contentType: 'application/octet-stream',
      contentDisposition: 'attachment',
    })
    expect(events[0]).toMatchObject({ type: 'type-mismatch', declared: 'image/jpeg', sniffed: 'text/html', key })
    const trusting = options({ sniff: 'trust', accountId: 'trusting' })
    expect(await storage.head((await archiveMedia(reference, trusting)).key)).toMatchObject({
      contentType: 'image/jpeg',
    })
  })

  describe('for media without an announced hash', () => {
    const unannounced = async (page: string, mimeType = 'image/jpeg'): Promise<ArchivedMedia> => {
      const { mediaId } = await api.addMedia({ bytes: Buffer.from(page), mimeType, mediaType: 'image' })
      api.fail({ on: 'look-up', kind: 'no-sha256' })
      return archiveMedia(mediaId, options({ timestamp: new Date() }))
    }

    it.each([
      ['HTML', '<!doctype html><title>Sorry</title>'],
      ['JSON', '{"error":{"message":"URL signature expired"}}'],
      ['a list', ' [{"error":1}]'],
    ])('refuses %s in place of media', async (_name, page) => {
      await expect(unannounced(page)).rejects.toMatchObject({ code: 'integrity-mismatch' })
      expect(storage.keys()).toEqual([])
    })

    it('keeps what is of no known kind, to be downloaded', async () => {
      expect(await unannounced('no picture')).toMatchObject({ integrity: 'unannounced', size: 10 })
      expect(events.map(({ type }) => type)).toEqual(['type-mismatch', 'archived'])
    })

    it.each([
      ['a text', 'text/plain'],
      ['JSON', 'application/json'],
      ['a file of an unknown type', 'application/octet-stream'],
    ])('keeps what may well be a page: %s', async (_name, mimeType) => {
      expect(await unannounced('{"a":1}', mimeType)).toMatchObject({ integrity: 'unannounced', size: 7 })
    })
  })

  describe('with integrity report', () => {
    const reporting = (): ArchiveOptions => options({ integrity: 'report' })
    const announcedOtherwise = async (): Promise<MediaReference> => ({ ...(await photo()), sha256: 'ab'.repeat(32) })

    it('stores bytes that two downloads agree on, under their own hash, and says so', async () => {
      api.fail({ on: 'look-up', kind: 'no-sha256' })
      const reference = await announcedOtherwise()
      const archived = await archiveMedia(reference, reporting())
      expect(archived).toMatchObject({
        integrity: 'mismatch-reported',
        sha256,
        size: jpeg.length,
        alreadyStored: false,
      })
      expect(asked()).toEqual(['download', 'look-up', 'download'])
      expect(events.map(({ type }) => type)).toEqual(['attempt-failed', 'mismatch-reported', 'archived'])
      expect(events[1]).toMatchObject({ announcedSha256: 'ab'.repeat(32), observedSha256: sha256, key: archived.key })
      expect(await archiveMedia(reference, reporting())).toMatchObject({
        integrity: 'mismatch-reported',
        alreadyStored: true,
      })
    })

    it('settles it by downloads when webhook and look-up contradict each other', async () => {
      const reference = await announcedOtherwise()
      expect(await archiveMedia(reference, reporting())).toMatchObject({ integrity: 'mismatch-reported', sha256 })
      expect(asked()).toEqual(['download', 'look-up', 'download'])
    })

    it('keeps the announced hash when the second download has it', async () => {
      api.fail({ on: 'download', kind: 'flip-bit', times: 1 })
      expect(await archiveMedia(await freshPhoto(), reporting())).toMatchObject({ integrity: 'announced', sha256 })
    })

    it('makes nothing of an attempt that failed for another reason', async () => {
      api.fail({ on: 'download', kind: 'status', status: 503, times: 1 })
      expect(await archiveMedia(await freshPhoto(), reporting())).toMatchObject({ integrity: 'announced', sha256 })
    })

    it('counts two like downloads with another failure in between', async () => {
      const reference = await announcedOtherwise()
      api.fail({ on: 'look-up', kind: 'status', status: 503, times: 1 })
      expect(await archiveMedia(reference, reporting())).toMatchObject({ integrity: 'mismatch-reported', sha256 })
      expect(asked()).toEqual(['download', 'look-up', 'look-up', 'download'])
    })

    it('needs two attempts', async () => {
      await expect(archiveMedia(await photo(), { ...reporting(), attempts: 1 })).rejects.toMatchObject({
        ...{ code: 'invalid-option', option: 'attempts' },
      })
      expect(asked()).toEqual([])
    })

    it('refuses downloads that differ from each other', async () => {
      for (const offset of [1_000, 2_000, 3_000]) api.fail({ on: 'download', kind: 'flip-bit', offset, times: 1 })
      await expect(archiveMedia(await freshPhoto(), reporting())).rejects.toMatchObject({ code: 'integrity-mismatch' })
      expect(storage.keys()).toEqual([])
    })

    it('believes no Content-Length where the look-up told no size', async () => {
      api.fail({ on: 'look-up', kind: 'no-size' })
      await expect(archiveMedia(await announcedOtherwise(), reporting())).rejects.toMatchObject({
        code: 'integrity-mismatch',
      })
      expect(storage.keys()).toEqual([])
    })

    it('refuses bytes of another size than the look-up told', async () => {
      api.fail({ on: 'download', kind: 'short-body' })
      await expect(archiveMedia(await freshPhoto(), reporting())).rejects.toMatchObject({ code: 'integrity-mismatch' })
      expect(storage.keys()).toEqual([])
    })
  })

  it('keeps a mismatch out by default, with both hashes', async () => {
    api.fail({ on: 'look-up', kind: 'no-sha256' })
    const reference = { ...(await photo()), sha256: 'ab'.repeat(32) }
    await expect(archiveMedia(reference, options())).rejects.toMatchObject({
      code: 'integrity-mismatch',
      expectedSha256: 'ab'.repeat(32),
      observedSha256: sha256,
    })
    expect(storage.keys()).toEqual([])
  })
})
