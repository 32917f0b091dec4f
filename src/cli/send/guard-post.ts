import type { HttpClient, HttpRequest } from '../../http/client.js'
import type { Interrupts } from '../command.js'

/** Keeps Ctrl-C from leaving a message of which nobody knows whether it was sent. */
export interface PostGuard {
  http: HttpClient
  /** Aborts at the first Ctrl-C; while Meta may have the message, at the second. */
  signal: AbortSignal
  /** Whether Meta may have the message. */
  isPosted(): boolean
  /** To be called when the call will be repeated: it is certain then that Meta took nothing. */
  settle(): void
}

/** Watches the requests of one send. They come one after the other, so each tells that the one before it has ended. */
export function guardPost(http: HttpClient, { stop, abort }: Interrupts): PostGuard {
  const leaving = new AbortController()
  let isPosted = false
  const leave = (): void => leaving.abort(new Error('interrupted'))
  const leaveUnposted = (): void => {
    if (stop.aborted && !isPosted) leave()
  }
  leaveUnposted()
  stop.addEventListener('abort', leaveUnposted)
  abort.addEventListener('abort', leave)
  const settle = (): void => {
    isPosted = false
    leaveUnposted()
  }
  return {
    http(request) {
      if (isMessage(request)) isPosted = true
      else settle()
      return http(request)
    },
    signal: leaving.signal,
    isPosted: () => isPosted,
    settle,
  }
}

/** Meta: Messages API. Uploads go to another path. */
function isMessage({ method, url }: HttpRequest): boolean {
  return method === 'POST' && new URL(url).pathname.endsWith('/messages')
}
