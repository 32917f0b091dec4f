import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A way to Redis that can be cut, fall silent, or lead to another server, as the name of a managed Redis does. */
export interface Road {
  url: string
  /** From now on, new connections get to this Redis. Those that stand stay where they are. */
  leadTo(target: string): void
  /** Ends all connections and takes no more. */
  cut(): Promise<void>
  /** Takes connections and bytes, and passes nothing on; what is there stays open. */
  silence(): void
  /** Connections that stand pass nothing on any more, and stay open: their server is gone without a word. New ones work. */
  forget(): void
  mend(): Promise<void>
}

/** @param target the Redis behind it, as a URL. Cut it at the end. */
export async function openRoad(target: string): Promise<Road> {
  const sockets = new Set<Socket>()
  const forgotten = new WeakSet<Socket>()
  let way = new URL(target)
  let isSilent = false
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
  }
  const serve = (client: Socket): void => {
    const upstream = connect(Number(way.port), way.hostname)
    for (const socket of [client, upstream]) keep(socket)
    const passes = (): boolean => !isSilent && !forgotten.has(client)
    client.on('data', (bytes) => passes() && upstream.write(bytes)).once('close', () => upstream.destroy())
    upstream.on('data', (bytes) => passes() && client.write(bytes)).once('close', () => client.destroy())
  }
  const listen = async (at: number): Promise<Server> => {
    const opened = createServer(serve).listen(at, '127.0.0.1')
    await once(opened, 'listening')
    return opened
  }
  let server = await listen(0)
  const { port: ownPort } = server.address() as AddressInfo
  return {
    url: `redis://127.0.0.1:${ownPort}`,
    leadTo(next) {
      way = new URL(next)
    },
    async cut() {
      if (!server.listening) return
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
    silence() {
      isSilent = true
    },
    forget() {
      for (const socket of sockets) forgotten.add(socket)
    },
    async mend() {
      isSilent = false
      if (!server.listening) server = await listen(ownPort)
    },
  }
}
