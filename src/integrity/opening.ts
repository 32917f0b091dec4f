/** The first bytes of a body, collected as they pass. */
export interface OpeningCapture {
  readonly promise: Promise<Uint8Array>
  add(bytes: Uint8Array): void
  end(): void
  fail(error: unknown): void
}

/**
 * Collects the first `wanted` bytes, or fewer where the body is shorter.
 *
 * @param check gets them before `promise` resolves, and throws to refuse them.
 */
export function captureOpening(wanted: number, check?: (opening: Uint8Array) => void): OpeningCapture {
  const parts: Uint8Array[] = []
  let missing = wanted
  let isOpen = true
  let settle: { resolve: (bytes: Uint8Array) => void; reject: (error: unknown) => void } | undefined
  const promise = new Promise<Uint8Array>((resolve, reject) => {
    settle = { resolve, reject }
  })
  // A failure that nobody awaits must not end the process.
  promise.catch(() => {})
  const end = (): void => {
    if (!isOpen) return
    isOpen = false
    const bytes = joinParts(parts)
    check?.(bytes)
    settle?.resolve(bytes)
  }
  if (wanted === 0) end()
  return {
    promise,
    add(bytes) {
      if (missing <= 0) return
      parts.push(bytes.subarray(0, missing))
      missing -= bytes.byteLength
      if (missing <= 0) end()
    },
    end,
    fail(error) {
      // Most bodies close after their opening was seen, and an error costs more than all else here.
      if (isOpen) settle?.reject(error ?? new Error('the body was closed before its end'))
    },
  }
}

function joinParts(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts)
}
