/* Reading a few bytes of a file's beginning. */

/** Four characters as the number that `readCode` reads. */
export function toCode(four: string): number {
  return readCode(Buffer.from(four, 'latin1'), 0)
}

/** Four bytes as one signed number: small integers make the fastest keys. */
export function readCode(bytes: Uint8Array, at: number): number {
  return (
    (readByte(bytes, at) << 24) |
    (readByte(bytes, at + 1) << 16) |
    (readByte(bytes, at + 2) << 8) |
    readByte(bytes, at + 3)
  )
}

/** The byte, or 0 past the end. */
export function readByte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0
}

export function hasText(bytes: Uint8Array, at: number, latin1: string): boolean {
  for (let i = 0; i < latin1.length; i += 1) {
    if (bytes[at + i] !== latin1.charCodeAt(i)) return false
  }
  return true
}

/** The same memory with Buffer's methods. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
