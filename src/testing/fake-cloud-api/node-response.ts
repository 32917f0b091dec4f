import type { ServerResponse } from 'node:http'
import type { ApiResponse } from './exchange.js'

/** The response of a server of `node:http`. */
export function toNodeResponse(response: ServerResponse): ApiResponse {
  const adapted: ApiResponse = {
    setHeader: (name, value) => void response.setHeader(name, value),
    writeHead(status, headers) {
      response.writeHead(status, headers)
      return adapted
    },
    async write(piece) {
      if (!response.write(piece)) await waitForDrain(response)
    },
    end: (last) => void response.end(last),
    breakOff: (how) => void (how === 'reset' ? response.socket?.resetAndDestroy() : response.socket?.end()),
    get destroyed() {
      return response.destroyed
    },
    get status() {
      return response.headersSent ? response.statusCode : undefined
    },
  }
  return adapted
}

function waitForDrain(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}
