import { PassThrough, Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createExactBody, sendWhileBodyLives } from '../../../../src/storage/s3/sdk/body.js'

describe('createExactBody', () => {
  it('refuses what is no bytes', async () => {
    const { stream } = createExactBody(5, Readable.from(['hel', { length: 2 }]))
    await expect(stream.toArray()).rejects.toMatchObject({ code: 'invalid-option', option: 'body' })
  })

  it('takes a reader that leaves early for no failure of the body', async () => {
    const body = Readable.from(['hel', 'lo'])
    const { stream, failed } = createExactBody(5, body)
    await stream.iterator().next()
    stream.destroy()
    await new Promise((resolve) => stream.once('close', resolve))
    expect([failed.aborted, body.errored]).toEqual([false, null])
  })

  it('stops reading nothing when the signal aborts', async () => {
    const body = new PassThrough()
    const controller = new AbortController()
    const reading = createExactBody(0, body).readNothing(controller.signal)
    controller.abort('enough')
    await expect(reading).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
    expect(body.destroyed).toBe(true)
  })
})

describe('sendWhileBodyLives', () => {
  const sent = async (abortSignal: AbortSignal): Promise<boolean> => abortSignal.aborted

  it('sends with an aborted signal what was over before', async () => {
    const exact = createExactBody(5, Readable.from(['too long']))
    expect(await sendWhileBodyLives(exact, undefined, sent)).toBe(false)
    expect(await sendWhileBodyLives(exact, AbortSignal.abort(), sent)).toBe(true)
    await exact.stream.toArray().catch(() => {})
    expect(await sendWhileBodyLives(exact, undefined, sent)).toBe(true)
  })
})
