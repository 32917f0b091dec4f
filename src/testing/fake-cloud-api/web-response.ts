import { InvalidOptionError } from '../../errors.js'
import { callOnAbort } from '../../timing/abort.js'
import type { ApiResponse } from './exchange.js'

/** An answer that is sent as a `Response`. */
export interface WebAnswer {
  response: ApiResponse
  /**
   * Resolves when the answer begins. Rejects as `fetch` does when the connection breaks, with the signal's reason when
   * that aborts, and with an InvalidOptionError for a status that no `Response` can have.
   */
  answered: Promise<Response>
}

/** Statuses whose answers have no body (Fetch: null body status). */
const WITHOUT_BODY = [204, 205, 304]

/** @param options `decodes`: hand out an encoded body decoded, as `fetch` does, and as msw does not need. */
export function createWebAnswer({ signal, decodes }: { signal: AbortSignal; decodes: boolean }): WebAnswer {
  const headers = new Headers()
  const body = createBody()
  let status: number | undefined
  /* v8 ignore next -- @preserve the promise replaces both at once */
  let settle = { resolve: (_response: Response): void => {}, reject: (_error: unknown): void => {} }
  const answered = new Promise<Response>((resolve, reject) => {
    settle = { resolve, reject }
  })
  const fail = (error: unknown): void => {
    settle.reject(error)
    body.fail(error)
  }
  callOnAbort(signal, () => fail(signal.reason))

  const response: ApiResponse = {
    setHeader: (name, value) => headers.set(name, value),
    writeHead(code, more) {
      status = code
      for (const [name, value] of Object.entries(more)) headers.set(name, String(value))
      try {
        checkStatus(code)
        settle.resolve(buildResponse(code, { headers, stream: body.stream, decodes }))
      } catch (error) {
        fail(error)
      }
      return response
    },
    write: body.write,
    end: body.end,
    breakOff: (how) => fail(describeBreak(how, { hasBegun: status !== undefined })),
    get destroyed() {
      return body.isOver
    },
    get status() {
      return status
    },
  }
  return { response, answered }
}

/** @throws InvalidOptionError */
export function checkStatus(status: number): void {
  if (status >= 200 && status <= 599) return
  const problem = `must be from 200 to 599 without a server, for no Response has another, got ${status}`
  throw new InvalidOptionError({ option: 'fault.status', problem })
}

function buildResponse(
  status: number,
  { headers, stream, decodes }: { headers: Headers; stream: ReadableStream<Uint8Array>; decodes: boolean },
): Response {
  if (WITHOUT_BODY.includes(status)) return new Response(null, { status, headers })
  const isEncoded = decodes && headers.has('content-encoding')
  return new Response(isEncoded ? stream.pipeThrough(new DecompressionStream('gzip')) : stream, { status, headers })
}

/** The error that Node's `fetch` gives. */
function describeBreak(how: 'reset' | 'close-early', { hasBegun }: { hasBegun: boolean }): TypeError {
  const cause = Object.assign(new Error(how === 'reset' ? 'read ECONNRESET' : 'other side closed'), {
    code: how === 'reset' ? 'ECONNRESET' : 'UND_ERR_SOCKET',
  })
  return new TypeError(hasBegun ? 'terminated' : 'fetch failed', { cause })
}

/** A web stream that its writer fills no faster than it is read. */
function createBody() {
  let isOver = false
  let goOn = (): void => {}
  let sink: ReadableStreamDefaultController<Uint8Array> | undefined
  const stream = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        sink = controller
      },
      pull: () => goOn(),
      cancel() {
        isOver = true
        goOn()
      },
    },
    { highWaterMark: 0 },
  )
  const finish = (act: () => void): void => {
    if (!isOver) act()
    isOver = true
    goOn()
  }
  return {
    stream,
    get isOver() {
      return isOver
    },
    async write(piece: Uint8Array): Promise<void> {
      if (isOver) return
      // First the promise: the reader may ask for more while it gets this piece.
      const asked = new Promise<void>((resolve) => {
        goOn = resolve
      })
      sink?.enqueue(Uint8Array.from(piece))
      await asked
    },
    end(last: string | Uint8Array = ''): void {
      finish(() => {
        if (last.length > 0) sink?.enqueue(Uint8Array.from(Buffer.from(last)))
        sink?.close()
      })
    },
    fail: (error: unknown): void => finish(() => sink?.error(error)),
  }
}
