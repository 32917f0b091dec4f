import { PassThrough, Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { exactBody, untilAborted, whileBodyLives } from '../../../../src/storage/s3/sdk/body.js'

describe('exactBody', () => {
  it('refuses what is no bytes', async () => {
    const { stream } = exactBody(5, Readable.from(['hel', { length: 2 }]))
    await expect(stream.toArray()).rejects.toMatchObject({ code: 'invalid-option', option: 'body' })
  })

  it('stops reading nothing when the signal aborts', async () => {
    const body = new PassThrough()
    const controller = new AbortController()
    const reading = exactBody(0, body).readNothing(controller.signal)
    controller.abort('enough')
    await expect(reading).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
    expect(body.destroyed).toBe(true)
  })
})

describe('whileBodyLives', () => {
  const sent = async (abortSignal: AbortSignal): Promise<boolean> => abortSignal.aborted

  it('sends with an aborted signal what was over before', async () => {
    const body = new PassThrough()
    expect(await whileBodyLives(body, undefined, sent)).toBe(false)
    expect(await whileBodyLives(body, AbortSignal.abort(), sent)).toBe(true)
    body.on('error', () => {}).destroy(new Error('over'))
    expect(await whileBodyLives(body, undefined, sent)).toBe(true)
  })
})

describe('untilAborted', () => {
  it('is the promise as it settles', async () => {
    const { signal } = new AbortController()
    for (const given of [undefined, signal]) {
      expect(await untilAborted(Promise.resolve(1), given)).toBe(1)
      await expect(untilAborted(Promise.reject(new Error('no')), given)).rejects.toThrow('no')
    }
  })

  it('rejects with the signal’s reason, now or later', async () => {
    const never = new Promise<void>(() => {})
    await expect(untilAborted(never, AbortSignal.abort('before'))).rejects.toBe('before')
    const controller = new AbortController()
    const waiting = untilAborted(never, controller.signal)
    controller.abort('later')
    await expect(waiting).rejects.toBe('later')
  })
})
