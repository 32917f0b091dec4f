import type { RoutedExchange } from './exchange.js'
import type { Fault } from './faults.js'

/** The bytes of a request, as far as they came. */
export interface ReceivedBody {
  bytes: Buffer
  /** False when a fault broke off on the way. */
  isWhole: boolean
}

/** Reads a request's body. A fault with `afterBytes` breaks off, or reads no further. */
export async function readRequestBody(
  { request, response }: RoutedExchange,
  fault: Fault | undefined,
): Promise<ReceivedBody> {
  const breaksAt = fault !== undefined && 'afterBytes' in fault ? fault.afterBytes : undefined
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of request.body) {
    parts.push(part)
    bytes += part.byteLength
    if (breaksAt === undefined || bytes < breaksAt) continue
    // A stall: the rest is never read.
    if (fault?.kind === 'stall') await new Promise(() => {})
    response.breakOff(fault?.kind === 'close-early' ? 'close-early' : 'reset')
    return { bytes: Buffer.concat(parts), isWhole: false }
  }
  return { bytes: Buffer.concat(parts), isWhole: true }
}
