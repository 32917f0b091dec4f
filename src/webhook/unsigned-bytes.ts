/** The memory that the bodies of a handler hold together while they are read: nobody has proven yet who sent them. */
export interface UnsignedBytes {
  /** Counts a body until its `leave`. `drop` is called when it must give its memory back. */
  enter(drop: () => void): UnsignedBody
}

/** The memory of one body. */
export interface UnsignedBody {
  /** Says how many bytes it holds now. It may be dropped before this returns. */
  hold(bytes: number): void
  /** Counts it no more. */
  leave(): void
}

/**
 * Above the limit the largest body is dropped, not the last: strangers who fill the memory with slow bodies must not keep
 * out Meta's, which are small.
 */
export function limitUnsignedBytes(limitBytes: number): UnsignedBytes {
  const bodies = new Set<{ bytes: number; drop: () => void }>()
  let total = 0
  return {
    enter(drop) {
      const entry = { bytes: 0, drop }
      bodies.add(entry)
      const leave = (left = entry): void => {
        if (bodies.delete(left)) total -= left.bytes
      }
      return {
        hold(bytes) {
          if (!bodies.has(entry)) return
          total += bytes - entry.bytes
          entry.bytes = bytes
          while (total > limitBytes) {
            const largest = [...bodies].reduce((most, each) => (each.bytes > most.bytes ? each : most))
            leave(largest)
            largest.drop()
          }
        },
        leave: () => leave(),
      }
    },
  }
}
