import { expect, it } from 'vitest'
import { createWebAnswer } from '../../../src/testing/fake-cloud-api/web-response.js'

it('a write after the caller has gone ends at once', async () => {
  const caller = new AbortController()
  const { response, answered } = createWebAnswer({ signal: caller.signal, decodes: false })
  response.writeHead(200, {})
  expect((await answered).status).toBe(200)
  caller.abort(new Error('gone'))
  expect(response.destroyed).toBe(true)
  await expect(response.write(Buffer.from('x'))).resolves.toBeUndefined()
})

it('an abort before the answer rejects it with the reason', async () => {
  const caller = new AbortController()
  const { answered } = createWebAnswer({ signal: caller.signal, decodes: false })
  caller.abort(new Error('gone'))
  await expect(answered).rejects.toThrow('gone')
})
