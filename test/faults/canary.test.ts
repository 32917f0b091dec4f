import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hearCallbacks, hearForeignCode } from './canary-callbacks.js'
import { hearEveryFault, hearMisplaced, hearSuccesses, hearWebhooks, hearWrongCalls } from './canary-calls.js'
import { createCanaryNotes } from './canary-notes.js'
import { type Aviary, createAviary, echoes, hearEcho, hearOwnClients } from './canary-scenes.js'

/** Meta's tokens have a form that anybody knows; those of other providers have not. */
const TOKENS = [
  ['of Meta', 'EAAGcanary0Token1Of2Nobody3At4All5'],
  ['of another provider', 'd360/Canary+Key77Zz19=='],
] as const

describe.each(TOKENS)('no canary sings, with a token %s', (_form, token) => {
  const { note, seen, takeSinging } = createCanaryNotes()
  let aviary: Aviary

  const expectSilence = (): void => expect(takeSinging(aviary.canaries)).toEqual([])

  beforeAll(async () => {
    aviary = await createAviary(token, note)
  })
  afterAll(() => aviary.close())

  it('under every fault', async () => {
    await hearEveryFault(aviary)
    expect(seen.size).toBeGreaterThan(50)
    expectSilence()
  }, 60_000)

  it('before servers that repeat requests', async () => {
    for (const { name, fault } of echoes(aviary)) await hearEcho(aviary, name, fault)
    expectSilence()
  }, 60_000)

  it('in the hands of HTTP clients of the user’s own', async () => {
    await hearOwnClients(aviary)
    expect(aviary.canaries).toHaveProperty('signed query')
    expectSilence()
  })

  it('in the wrong places', async () => {
    await hearWrongCalls(aviary)
    expect([...seen].filter((from) => from.endsWith('went well'))).toEqual([])
    expectSilence()
  })

  it('in any place, whatever it looks like', async () => {
    await hearMisplaced(aviary)
    expect([...seen].filter((from) => from.endsWith('went well'))).toEqual([])
    expectSilence()
  })

  it('in errors of callbacks', async () => {
    await hearCallbacks(aviary)
    expectSilence()
  })

  it('in what storages and clients of the user’s own throw', async () => {
    await hearForeignCode(aviary)
    expect([...seen].filter((from) => from.endsWith('went well'))).toEqual([])
    expectSilence()
  }, 60_000)

  it('in webhooks', async () => {
    await hearWebhooks(aviary)
    expectSilence()
  })

  it('when all goes well', async () => {
    await hearSuccesses(aviary)
    expectSilence()
  })
})
