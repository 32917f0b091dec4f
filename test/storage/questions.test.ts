import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { awaitAnswer, createStoreQuestions } from '../../src/storage/questions.js'

const BYTES = Buffer.from('bytes')
const PUT = {
  sha256: createHash('sha256').update(BYTES).digest('hex'),
  contentType: 'text/plain',
  contentDisposition: 'attachment',
  ifAbsent: true,
}

function createQuestions(fetch: () => Promise<Response> = () => Promise.reject(new Error('not asked for'))) {
  const startSignal = () => new AbortController().signal
  return createStoreQuestions({ storage: createMemoryStorage(), fetch, startSignal })
}

it('createStoreQuestions puts, finds, reads and deletes an object', async () => {
  const questions = createQuestions()
  expect(await questions.read('k')).toEqual({ ok: true, value: null })
  expect(await questions.put('k', BYTES, PUT)).toMatchObject({ ok: true, value: { outcome: 'stored' } })
  expect(await questions.head('k')).toMatchObject({ ok: true, value: { size: 5 } })
  expect(await questions.read('k')).toEqual({ ok: true, value: BYTES })
  expect(await questions.delete('k')).toEqual({ ok: true, value: undefined })
  expect(await questions.head('k')).toEqual({ ok: true, value: null })
})

it('createStoreQuestions reads a URL whole, and says why it could not', async () => {
  const fine = createQuestions(async () => new Response('bytes', { status: 206 }))
  expect(await fine.readUrl('https://m.test/k')).toMatchObject({ ok: true, value: { status: 206, bytes: BYTES } })
  expect(await createQuestions().readUrl('https://m.test/k')).toEqual({ ok: false, reason: 'Error' })
})

it('awaitAnswer blames the signal for whatever fails after it has aborted', async () => {
  const cut = Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
  const late = AbortSignal.abort(new DOMException('too late', 'TimeoutError'))
  expect(await awaitAnswer(() => Promise.reject(cut), late)).toEqual({ ok: false, reason: 'TimeoutError' })
  expect(await awaitAnswer(() => Promise.reject(cut), new AbortController().signal)).toEqual({
    ok: false,
    reason: 'ECONNRESET',
  })
})
