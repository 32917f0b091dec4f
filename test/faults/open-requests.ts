import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

const CHANNEL = 'net.client.socket'

/** Client connections of this process, as Node announces them. */
export interface OpenRequests {
  /**
   * The connections to these ports that a request still holds, after a moment in which they may let go. Idle ones, kept
   * alive for the next request, do not count.
   */
  to(ports: readonly number[]): Promise<number>
  stop(): void
}

export function watchOpenRequests(): OpenRequests {
  const sockets = new Set<Socket>()
  const note = (message: unknown): void => {
    const socket: unknown = typeof message === 'object' && message !== null ? Reflect.get(message, 'socket') : undefined
    if (!(socket instanceof Socket)) return
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  }
  subscribe(CHANNEL, note)
  const heldTo = (ports: readonly number[]): number => [...sockets].filter((each) => isHeld(each, ports)).length
  return {
    async to(ports) {
      for (let tries = 0; tries < 100 && heldTo(ports) > 0; tries++) await wait(10)
      return heldTo(ports)
    },
    stop: () => void unsubscribe(CHANNEL, note),
  }
}

/** `_httpMessage` is how node:http itself marks a connection in use: null when it is idle. */
function isHeld(socket: Socket, ports: readonly number[]): boolean {
  const { destroyed, remotePort } = socket
  const request: unknown = Reflect.get(socket, '_httpMessage')
  return !destroyed && ports.includes(remotePort ?? 0) && request !== undefined && request !== null
}
