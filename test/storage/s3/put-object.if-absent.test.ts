import { Readable } from 'node:stream'
import { HttpResponse, http } from 'msw'
import { describe, expect, it } from 'vitest'
import { createS3Storage } from '../../../src/storage/s3.js'
import type { PutOptions } from '../../../src/storage.js'
import { credentials, endpoint, object, open, openGiven, putOptions, s3Error, server, useServer } from './stand-in.js'

useServer()

describe.each([
  ['a client of its own', open],
  ['a given client', openGiven],
])('put with %s, if absent', (_kind, open) => {
  // A storage of its own each time: one that creates the same object twice begins to doubt the store.
  const put = (more: Partial<PutOptions> = {}, body: Readable = Readable.from(['hello'])) =>
    open().put('a/b.jpg', body, putOptions(more))

  it('says that the object exists', async () => {
    server.use(http.put(object, () => s3Error(412, 'PreconditionFailed')))
    const body = Readable.from(['hello'])
    expect(await put({}, body)).toEqual({ outcome: 'exists' })
    expect(body.destroyed).toBe(true)
  })

  it.each([
    [409, 'ConditionalRequestConflict', true],
    [503, 'SlowDown', true],
    [500, 'InternalError', true],
    [408, 'RequestTimeout', true],
    [429, 'TooManyRequests', true],
    [400, 'BadDigest', true],
    [400, 'XAmzContentChecksumMismatch', true],
    [400, 'InvalidArgument', false],
    [403, 'AccessDenied', false],
    [404, 'NoSuchBucket', false],
  ])('gives HTTP %i %s as a failure with retryable %s', async (status, reason, retryable) => {
    server.use(http.put(object, () => s3Error(status, reason)))
    await expect(put()).rejects.toMatchObject({
      code: 'storage-failed',
      operation: 'put',
      key: 'a/b.jpg',
      status,
      reason,
      retryable,
    })
  })

  it('asks with a head first once the store has refused the condition', async () => {
    const old = createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint, credentials })
    server.use(http.put(object, () => s3Error(501, 'NotImplemented')))
    await expect(old.put('a/b.jpg', Readable.from(['hello']), putOptions())).rejects.toMatchObject({
      status: 501,
      retryable: true,
    })
    let exists = false
    let condition: string | null = null
    server.use(
      http.head(object, () => new HttpResponse(null, { status: exists ? 200 : 404 })),
      http.put(object, ({ request }) => {
        condition = request.headers.get('if-none-match')
        return new HttpResponse(null, { status: 200, headers: { etag: '"e"' } })
      }),
    )
    const signal = new AbortController().signal
    expect(await old.put('a/b.jpg', Readable.from(['hello']), putOptions({ signal }))).toMatchObject({
      outcome: 'stored',
    })
    expect(condition).toBeNull()
    exists = true
    const body = Readable.from(['hello'])
    expect(await old.put('a/b.jpg', body, putOptions())).toEqual({ outcome: 'exists' })
    expect(body.destroyed).toBe(true)
  })

  it('takes a 501 to a put without the condition for what it is', async () => {
    const old = open()
    const conditions: (string | null)[] = []
    server.use(
      http.head(object, () => new HttpResponse(null, { status: 404 })),
      http.put(object, ({ request }) => {
        conditions.push(request.headers.get('if-none-match'))
        return s3Error(501, 'NotImplemented')
      }),
    )
    const attempt = () => old.put('a/b.jpg', Readable.from(['hello']), putOptions({ tags: { a: 'b' } }))
    await expect(attempt()).rejects.toMatchObject({ status: 501, retryable: true })
    await expect(attempt()).rejects.toMatchObject({ status: 501, retryable: false })
    // So it was not the condition.
    await expect(attempt()).rejects.toMatchObject({ status: 501, retryable: true })
    expect(conditions).toEqual(['*', null, '*'])
  })

  it('looks, and sends no condition, where the options say that the store ignores it', async () => {
    let condition: string | null = 'none seen'
    let exists = false
    server.use(
      http.head(object, () => new HttpResponse(null, { status: exists ? 200 : 404 })),
      http.put(object, ({ request }) => {
        condition = request.headers.get('if-none-match')
        return new HttpResponse(null, { status: 200, headers: { etag: '"e"' } })
      }),
    )
    const looking = open({ conditionalWrites: false })
    expect(await looking.put('a/b.jpg', Readable.from(['hello']), putOptions())).toEqual({
      outcome: 'stored',
      etag: '"e"',
    })
    expect(condition).toBeNull()
    exists = true
    expect(await looking.put('a/b.jpg', Readable.from(['hello']), putOptions())).toEqual({ outcome: 'exists' })
  })

  it('doubts a store that creates an object twice: it reports that, and looks first', async () => {
    const seen: string[] = []
    let status = 404
    server.use(
      http.head(object, () => {
        seen.push('HEAD')
        return new HttpResponse(null, { status })
      }),
      http.put(object, ({ request }) => {
        seen.push(`PUT ${request.headers.get('if-none-match')}`)
        return new HttpResponse(null, { status: 200, headers: { etag: '"e"' } })
      }),
    )
    const doubting = open()
    const attempt = () => doubting.put('a/b.jpg', Readable.from(['hello']), putOptions())
    expect(await attempt()).toEqual({ outcome: 'stored', etag: '"e"' })
    expect(await attempt()).toEqual({ outcome: 'condition-ignored', etag: '"e"' })
    expect(await attempt()).toEqual({ outcome: 'stored', etag: '"e"' })
    // The condition goes along, so a store that may not be looked into gets it all the same.
    status = 403
    expect(await attempt()).toEqual({ outcome: 'stored', etag: '"e"' })
    status = 200
    expect(await attempt()).toEqual({ outcome: 'exists' })
    expect(seen).toEqual(['PUT *', 'PUT *', 'HEAD', 'PUT *', 'HEAD', 'PUT *', 'HEAD'])
  })

  it('does not overwrite blindly where it may neither ask for absence nor look', async () => {
    const old = createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint, credentials })
    let puts = 0
    server.use(
      http.head(object, () => new HttpResponse(null, { status: 403 })),
      http.put(object, () => {
        puts++
        return s3Error(501, 'NotImplemented')
      }),
    )
    await expect(old.put('a/b.jpg', Readable.from(['hello']), putOptions())).rejects.toMatchObject({ status: 501 })
    await expect(old.put('a/b.jpg', Readable.from(['hello']), putOptions())).rejects.toMatchObject({
      operation: 'head',
      reason: 'AccessDenied',
      retryable: false,
      message: expect.stringContaining('s3:GetObject'),
    })
    expect(puts).toBe(1)
  })

  it.each([
    [500, true],
    [400, true],
  ])('puts nothing when the look fails with HTTP %i', async (status, retryable) => {
    let puts = 0
    server.use(
      http.head(object, () => new HttpResponse(null, { status })),
      http.put(object, () => {
        puts++
        return new HttpResponse(null, { status: 200, headers: { etag: '"e"' } })
      }),
    )
    const body = Readable.from(['hello'])
    await expect(open({ conditionalWrites: false }).put('a/b.jpg', body, putOptions())).rejects.toMatchObject({
      code: 'storage-failed',
      operation: 'head',
      status,
      retryable,
    })
    expect(puts).toBe(0)
    expect(body.destroyed).toBe(true)
  })

  it('puts nothing when its signal aborts during the look', async () => {
    let puts = 0
    const controller = new AbortController()
    server.use(
      http.head(object, () => {
        controller.abort(new Error('enough'))
        return new HttpResponse(null, { status: 404 })
      }),
      http.put(object, () => {
        puts++
        return new HttpResponse(null, { status: 200, headers: { etag: '"e"' } })
      }),
    )
    const looking = open({ conditionalWrites: false })
    const { signal } = controller
    await expect(looking.put('a/b.jpg', Readable.from(['hello']), putOptions({ signal }))).rejects.toThrow('enough')
    expect(puts).toBe(0)
  })
})
