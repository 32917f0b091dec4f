import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCanaryNotes } from './canary-notes.js'
import { type Aviary, createAviary } from './canary-scenes.js'
import { hearForeignSending, hearMisplacedSending, hearRefusals, hearSent, SENDING_CANARIES } from './canary-sending.js'

/** Meta's tokens have a form that anybody knows; those of other providers have not. */
const TOKENS = [
  ['of Meta', 'EAAGcanary0Token1Of2Nobody3At4All5'],
  ['of another provider', 'd360/Canary+Key77Zz19=='],
] as const

describe.each(TOKENS)('no canary sings on the way out, with a token %s', (_form, token) => {
  const { note, seen, takeSinging } = createCanaryNotes()
  let aviary: Aviary

  const expectSilence = (): void => expect(takeSinging(aviary.canaries)).toEqual([])
  const countFailures = (): number => [...seen].filter((from) => !/^event|went well$/.test(from)).length

  beforeAll(async () => {
    aviary = await createAviary(token, note)
    Object.assign(aviary.canaries, SENDING_CANARIES)
  })
  afterAll(() => aviary.close())

  it('when Meta refuses, and repeats what it got', async () => {
    await hearRefusals(aviary)
    expect(countFailures()).toBeGreaterThan(100)
    expectSilence()
  }, 120_000)

  it('in what clients, storages and caches of the user’s own throw', async () => {
    await hearForeignSending(aviary)
    expectSilence()
  }, 120_000)

  it('in any place', async () => {
    await hearMisplacedSending(aviary)
    expectSilence()
  })

  it('when all goes well, and when an answer is lost', async () => {
    await hearSent(aviary)
    // Meta does not know the id.
    const failed = [...seen].filter((from) => from.startsWith('sent, ') && !from.endsWith('went well'))
    expect(failed).toEqual(['sent, delete', 'sent, send, an id'])
    expectSilence()
  })
})
