import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A network that forgets connections, as NATs, load balancers and frozen functions do. */
export interface ForgetfulNetwork {
  origin: string
  /** How many connections were made. */
  count(): number
  /** Connections that stand now answer no request any more: they are reset at the next byte, or say nothing. @returns their number. */
  forget(how: 'reset' | 'silence'): number
  close(): Promise<void>
}

/** @param target an origin on the loopback. */
export async function openForgetfulNetwork(target: string): Promise<ForgetfulNetwork> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const forgotten = new Map<Socket, 'reset' | 'silence'>()
  let made = 0
  const server = createServer((client) => {
    made++
    const upstream = connect(Number(port), hostname)
    sockets.add(client)
    client
      .on('error', () => {})
      .once('close', () => {
        sockets.delete(client)
        upstream.destroy()
      })
    // The news that the server has hung up gets lost, too.
    upstream.on('error', () => {}).once('close', () => forgotten.has(client) || client.destroy())
    client.on('data', (bytes) => {
      const how = forgotten.get(client)
      if (how === 'reset') client.resetAndDestroy()
      if (how === undefined) upstream.write(bytes)
    })
    upstream.on('data', (bytes) => forgotten.has(client) || client.write(bytes))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: () => made,
    forget(how) {
      for (const socket of sockets) forgotten.set(socket, how)
      return sockets.size
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
