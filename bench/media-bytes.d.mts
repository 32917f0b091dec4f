export const PIECE: number
export function bytesAt(offset: number, length: number): Buffer
export function isRight(chunk: Buffer, offset: number): boolean
export function hashOf(size: number): string
