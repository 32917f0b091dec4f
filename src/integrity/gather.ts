/** Small chunks are joined up to this many bytes: TLS delivers 8-16 KB at a time, and each write has a price. */
export const GATHER_BYTES = 131_072

/** Hands a piece on. Returns whether there is room for more. */
export type Push = (piece: Uint8Array) => boolean

export interface Gatherer {
  /**
   * Takes a chunk, and pushes the pieces that are certainly not the last one.
   *
   * @param left bytes that come after the chunk, if that is known
   * @returns whether there is room for more
   */
  add(chunk: Uint8Array, left: number | undefined): boolean
  /** The bytes that are still held back. */
  rest(): Uint8Array | undefined
}

/** Holds the last chunk back, and lets all others pass as they are. */
export function createHolder(push: Push): Gatherer {
  let held: Uint8Array | undefined
  return {
    add(chunk) {
      const hasRoom = held === undefined || push(held)
      held = chunk
      return hasRoom
    },
    rest: () => held,
  }
}

/** Copies small chunks together as they come, so that they can be let go of, and holds the last piece back; large ones pass as they are. */
export function createGatherer(push: Push): Gatherer {
  let held: Uint8Array | undefined
  let filled = 0
  return {
    add(chunk, left = GATHER_BYTES) {
      let hasRoom = true
      let rest = chunk
      while (rest.byteLength > 0) {
        if (held !== undefined && filled === held.byteLength) {
          hasRoom = push(held)
          held = undefined
        }
        if (held === undefined) {
          const due = Math.min(GATHER_BYTES, rest.byteLength + left)
          held = rest.byteLength >= due ? rest : Buffer.allocUnsafeSlow(due)
          filled = 0
        }
        const part = rest.subarray(0, held.byteLength - filled)
        if (held !== rest) held.set(part, filled)
        filled += part.byteLength
        rest = rest.subarray(part.byteLength)
      }
      return hasRoom
    },
    rest: () => held?.subarray(0, filled),
  }
}
