import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { guardPost } from '../../../src/cli/send/guard-post.js'
import type { HttpRequest } from '../../../src/http/client.js'

const ROOT = 'https://graph.facebook.com/v25.0/106540352242922'
const POST = { method: 'POST', url: `${ROOT}/messages` } as const
const UPLOAD = { method: 'POST', url: `${ROOT}/media` } as const

type Step = 'stop' | 'abort' | 'settle' | Pick<HttpRequest, 'method' | 'url'>

it.each<[string, Step[], { left: boolean; posted: boolean }]>([
  ['nothing', [], { left: false, posted: false }],
  ['Ctrl-C', ['stop'], { left: true, posted: false }],
  ['Ctrl-C in an upload', [UPLOAD, 'stop'], { left: true, posted: false }],
  ['a message', [UPLOAD, POST], { left: false, posted: true }],
  ['Ctrl-C while Meta may have the message', [UPLOAD, POST, 'stop'], { left: false, posted: true }],
  ['Ctrl-C twice then', [POST, 'stop', 'abort'], { left: true, posted: true }],
  ['Ctrl-C, then a refusal that is worth another try', [POST, 'stop', 'settle'], { left: true, posted: false }],
  ['a refusal, then Ctrl-C', [POST, 'settle', 'stop'], { left: true, posted: false }],
  ['a message that is sent again', [POST, 'settle', POST, 'stop'], { left: false, posted: true }],
  ['Ctrl-C, then an upload that a refusal asks for', [POST, 'stop', UPLOAD], { left: true, posted: false }],
  ['an upload that a refusal asks for, then Ctrl-C', [POST, UPLOAD, 'stop'], { left: true, posted: false }],
  ['a question at the path of messages', [{ ...POST, method: 'GET' }, 'stop'], { left: true, posted: false }],
  ["a provider's path", [{ ...POST, url: 'https://waba.example/v1/7/messages?p=1' }], { left: false, posted: true }],
])('guardPost after %s', async (_name, steps, { left, posted }) => {
  const [stop, abort] = [new AbortController(), new AbortController()]
  const asked: string[] = []
  const http = async ({ url }: HttpRequest) => {
    asked.push(url)
    return { status: 200, headers: {}, body: Readable.from([]) }
  }
  const guard = guardPost(http, { stop: stop.signal, abort: abort.signal })
  for (const step of steps) {
    if (step === 'stop') stop.abort()
    else if (step === 'abort') abort.abort()
    else if (step === 'settle') guard.settle()
    else await guard.http({ ...step, headers: {}, signal: guard.signal })
  }
  expect({ left: guard.signal.aborted, posted: guard.isPosted() }).toEqual({ left, posted })
  expect(asked).toEqual(steps.flatMap((step) => (typeof step === 'string' ? [] : [step.url])))
})

it('guardPost leaves at once when Ctrl-C came before it', () => {
  const http = () => expect.unreachable()
  const never = new AbortController().signal
  expect(guardPost(http, { stop: AbortSignal.abort(), abort: never }).signal.aborted).toBe(true)
})
