import { connect, createServer, type Socket } from 'node:net'

/** A connection that breaks on its way. */
interface ConnectionCut {
  /** In which direction: to the server, or on the way back. */
  cut: 'request' | 'answer'
  /** Bytes let through before; default 0. */
  after?: number
  how: 'reset' | 'close' | 'stall'
}

/** What a connection through the proxy suffers: a cut, bytes in place of the server's answer, or a refusal. */
export type ConnectionFault = (ConnectionCut | { answer: string } | { refuse: true }) & { once?: boolean }

export interface FaultProxy {
  origin: string
  /** What happens to connections made from now on. */
  next(fault: ConnectionFault | undefined): void
  close(): Promise<void>
}

/** A TCP proxy on the loopback that breaks connections as it is told. */
export async function createFaultProxy(target: { host: string; port: number }): Promise<FaultProxy> {
  const sockets = new Set<Socket>()
  let fault: ConnectionFault | undefined

  const server = createServer((client) => {
    const suffered = fault
    if (suffered?.once === true) fault = undefined
    keep(client)
    if (suffered !== undefined && 'refuse' in suffered) return void client.resetAndDestroy()
    if (suffered !== undefined && 'answer' in suffered) return void client.resume().write(suffered.answer)
    const upstream = connect(target.port, target.host)
    keep(upstream)
    const cut = suffered !== undefined && 'cut' in suffered ? suffered : undefined
    pass(client, upstream, cut?.cut === 'request' ? cut : undefined)
    pass(upstream, client, cut?.cut === 'answer' ? cut : undefined)
  })

  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  }

  const pass = (from: Socket, to: Socket, cut: ConnectionCut | undefined): void => {
    let left = cut === undefined ? Number.POSITIVE_INFINITY : (cut.after ?? 0)
    from.on('data', (chunk) => {
      const part = chunk.subarray(0, left)
      left -= part.length
      if (part.length > 0 && !to.write(part)) {
        from.pause()
        to.once('drain', () => from.resume())
      }
      if (left > 0 || cut === undefined || cut.how === 'stall') return
      const [client, upstream] = cut.cut === 'request' ? [from, to] : [to, from]
      if (cut.how === 'reset') client.resetAndDestroy()
      else client.destroy()
      upstream.destroy()
    })
    // A stalled way does not tell that its other end has gone.
    const tells = (): boolean => cut?.how !== 'stall' || left > 0
    from.once('end', () => tells() && to.end())
    from.once('close', () => tells() && to.destroy())
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return {
    origin: `http://127.0.0.1:${port}`,
    next(next) {
      fault = next
      // Kept-alive connections were made before the fault.
      for (const socket of sockets) socket.destroy()
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
