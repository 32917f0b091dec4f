import type { ClientRequest } from 'node:http'
import type { Readable } from 'node:stream'
import { checkChunk } from '../errors/checks.js'
import { isError } from '../errors/thrown.js'

/** Over TLS, writes of so many bytes take half of the CPU time that writes of 64 KB take; larger ones take no less. */
const WRITE_BYTES = 524_288
/** How long the bytes of a slow body wait for more, in milliseconds. */
const JOIN_MS = 20

/**
 * Writes a body's pieces to a request, small ones together: the connection joins them without a copy. A piece that is
 * neither bytes nor text destroys the body.
 *
 * @returns stops it.
 */
export function joinWrites(request: ClientRequest, body: Readable): () => void {
  let joined = 0
  let timer: NodeJS.Timeout | undefined
  const flush = (): void => {
    if (joined > 0) request.uncork()
    joined = 0
  }
  const begin = (): void => {
    request.cork()
    if (timer === undefined) timer = setTimeout(flush, JOIN_MS)
    else timer.refresh()
  }
  const write = (bytes: Uint8Array): void => {
    if (bytes.byteLength === 0) return
    if (joined === 0) begin()
    joined += bytes.byteLength
    request.write(bytes)
    if (joined < WRITE_BYTES) return
    flush()
    if (request.writableNeedDrain) body.pause()
  }
  const take = (piece: unknown): void => {
    try {
      write(checkChunk(piece))
    } catch (error) {
      body.destroy(isError(error) ? error : undefined)
    }
  }
  const resume = (): void => void body.resume()
  const end = (): void => {
    clearTimeout(timer)
    request.end()
  }
  body.on('data', take).once('end', end).resume()
  request.on('drain', resume)
  return () => {
    clearTimeout(timer)
    body.off('data', take).off('end', end)
    request.off('drain', resume)
  }
}
