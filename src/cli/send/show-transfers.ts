import { pipeline, type Readable, Transform } from 'node:stream'
import type { ObjectStorage } from '../../storage.js'
import { createProgress, type Terminal } from '../progress.js'

/** The storage with a bar for each body that it takes, and for each that it gives for the upload. On terminals only. */
export function showTransfers(storage: ObjectStorage, terminal: Terminal): ObjectStorage {
  if (terminal.isTTY !== true) return storage
  return {
    ...storage,
    put: (key, body, options) => storage.put(key, countBytes(body, createBar('storing', options.size)), options),
    async get(key, options) {
      const found = await storage.get(key, options)
      return found && { ...found, body: countBytes(found.body, createBar('sending', found.size)) }
    },
  }

  function createBar(label: string, size: number): ReturnType<typeof createProgress> {
    return createProgress(terminal, label, size)
  }
}

/** The same bytes, which `bar` shows. A failure and an early end pass through, both ways. */
function countBytes(body: Readable, bar: ReturnType<typeof createProgress>): Readable {
  let done = 0
  const counter = new Transform({
    transform(chunk: Uint8Array, _encoding, next) {
      done += chunk.byteLength
      bar.update(done)
      next(null, chunk)
    },
  })
  return pipeline(body, counter, bar.end)
}
