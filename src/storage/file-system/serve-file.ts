import type { FileHandle } from 'node:fs/promises'
import type { ServedObject } from '../signed-site.js'
import { hasCode } from './errors.js'
import { openObject } from './open-object.js'

/** How many bytes are read at a time. */
const ANSWERED_BYTES = 65_536

/** Opens an object for a site's answer; null when there is none. A link or a special file is none. */
export async function serveFile(directory: string, key: string): Promise<ServedObject | null> {
  const opened = await openObject(directory, key).catch((error: unknown) => {
    if (hasCode(error, 'not-a-plain-file')) return null
    throw error
  })
  if (opened === null) return null
  const { file, size, modified, recorded } = opened
  return {
    size,
    modified,
    sha256: recorded?.sha256,
    read: (start, end) => streamFile(file, { start, end }),
    close: () => file.close(),
  }
}

/** Reads only when asked for more, one piece at a time, and closes the file at the end, on an error, and when the client has gone. */
function streamFile(file: FileHandle, range: { start: number; end: number }): ReadableStream<Uint8Array> {
  const { end } = range
  let position = range.start
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const piece = new Uint8Array(Math.min(ANSWERED_BYTES, end - position))
          const { bytesRead } = await file.read(piece, 0, piece.byteLength, position)
          if (bytesRead === 0) throw new Error('the file became shorter while it was read')
          position += bytesRead
          controller.enqueue(piece.subarray(0, bytesRead))
          if (position < end) return
          await file.close()
          controller.close()
        } catch (error) {
          await file.close()
          throw error
        }
      },
      cancel: () => file.close(),
    },
    { highWaterMark: 0 },
  )
}
