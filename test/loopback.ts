import * as http from 'node:http'
import * as https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'

/** A real server on a loopback port of its own. */
export interface Loopback {
  /** `http://127.0.0.1:{port}`, or https. */
  origin: string
  /** One entry a connection, in the order of their arrival. */
  sockets: Socket[]
  /** Resolves when the first connection has ended, however it did. */
  firstClosed(): Promise<void>
  /** One entry a request: method and path. */
  requests: string[]
  /** Ends all connections, too. */
  close(): Promise<void>
}

/** Starts a server; with `tls` it speaks https with that key and certificate. */
export async function startLoopback(
  handler: http.RequestListener,
  options: { tls?: { key: string; cert: string } } = {},
): Promise<Loopback> {
  const { tls } = options
  const requests: string[] = []
  const sockets: Socket[] = []
  const listener: http.RequestListener = (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    handler(request, response)
  }
  const server = tls === undefined ? http.createServer(listener) : https.createServer(tls, listener)
  server.on('connection', (socket: Socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    sockets,
    requests,
    async firstClosed() {
      const [socket] = sockets
      // Not `once` of node:events: it rejects on the error of a reset.
      if (socket?.closed !== true) await new Promise<void>((resolve) => socket?.once('close', () => resolve()))
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
