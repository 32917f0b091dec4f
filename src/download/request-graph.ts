import { types } from 'node:util'
import { WhatsAppMediaError } from '../errors.js'
import { type HttpClient, type HttpRequest, type HttpResponse, sendRequest } from '../http/client.js'
import { describeNoAnswer } from '../http/no-answer.js'
import type { Deadlines } from '../timing/deadlines.js'
import { LOOK_UP_QUERY } from './answers.js'
import { COMMON_HEADERS } from './cloud-api.js'

/** Bytes of an answer; real ones have under 1 KB. */
const MAX_GRAPH_ANSWER_BYTES = 65_536

/** An answer of the Graph API, whatever its status. */
export interface GraphAnswer {
  status: number
  headers: Readonly<Record<string, string>>
  /** The body, or its first kilobytes. */
  text: string
}

/**
 * Makes one request to the Graph API. Redirects are answers: none is followed.
 *
 * @param makeRequest what it throws counts as a request without an answer.
 * @throws the error that `createError` makes when no whole answer came. An error of this library, a timeout say, has the
 * better message and stays.
 */
export async function requestGraph(
  makeRequest: () => Omit<HttpRequest, 'signal'>,
  call: {
    http: HttpClient
    deadlines: Deadlines
    createError: (problem: string, thrown: unknown) => WhatsAppMediaError
  },
): Promise<GraphAnswer> {
  const { http, deadlines, createError } = call
  const throwAs =
    (describe: (error: unknown) => string) =>
    (error: unknown): never => {
      throw WhatsAppMediaError.is(error) ? error : createError(describe(error), error)
    }
  deadlines.waitFor('headers')
  const { signal } = deadlines
  const response = await sendRequest(http, () => {
    const request = makeRequest()
    return { ...request, headers: { ...COMMON_HEADERS, ...request.headers }, signal }
  }).catch(throwAs(describeNoAnswer))
  const text = await readAnswerText(response, deadlines).catch(throwAs(() => 'the answer broke off'))
  return { status: response.status, headers: response.headers, text }
}

/** The proof of the app secret that a URL carries: a secret that no error may repeat. */
export function readProof(url: string): string | null {
  return new URL(url).searchParams.get(LOOK_UP_QUERY.proof)
}

/** Reads the answer through events, because an async iterator is slower than all the rest of a call. */
function readAnswerText({ body }: HttpResponse, deadlines: Deadlines): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = []
    let bytes = 0
    const done = (): void => resolve(Buffer.concat(parts).toString('utf8'))
    const fail = (error: unknown): void => {
      reject(error)
      body.destroy()
    }
    const close = (): void => {
      if (!body.readableEnded) reject(body.errored ?? new Error('the answer closed before its end'))
    }
    const take = (part: unknown): void => {
      deadlines.waitFor('source')
      const buffer = toAnswerBytes(part)
      bytes += buffer?.byteLength ?? 0
      if (buffer === undefined) fail(new Error('the answer is made of neither bytes nor text'))
      else if (bytes <= MAX_GRAPH_ANSWER_BYTES) parts.push(buffer)
      else {
        // An endless answer ends here.
        done()
        body.off('data', take).destroy()
      }
    }
    // One that was paused before would not flow by itself.
    body.on('data', take).once('end', done).on('error', fail).once('close', close).resume()
    if (body.readableEnded) done()
    else if (body.destroyed) close()
  })
}

/** A client of your own may stream text, or bytes of another kind. */
function toAnswerBytes(part: unknown): Uint8Array | undefined {
  if (types.isUint8Array(part)) return part
  if (types.isArrayBuffer(part)) return new Uint8Array(part)
  return typeof part === 'string' ? Buffer.from(part) : undefined
}
