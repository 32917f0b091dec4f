import type { ServedObject } from '../signed-site.js'
import type { R2Binding, R2BoundObject } from './binding.js'
import { readBoundHash } from './describe-bound.js'

/** Finds an object for a site's answer; null when there is none. */
export async function serveBound(bucket: R2Binding, key: string): Promise<ServedObject | null> {
  const found = await bucket.head(key)
  if (found === null) return null
  return {
    size: found.size,
    modified: found.uploaded,
    sha256: readBoundHash(found),
    read: (start, end) => streamBound(bucket, found, { offset: start, length: end - start }),
    close: async () => {},
  }
}

/** Asks R2 for the bytes at the first read, and for those of the version that the answer's headers describe. */
function streamBound(
  bucket: R2Binding,
  { key, etag }: R2BoundObject,
  range: { offset: number; length: number },
): ReadableStream<Uint8Array> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  const open = async (): Promise<ReadableStreamDefaultReader<Uint8Array>> => {
    const found = await bucket.get(key, { range, onlyIf: { etagMatches: etag } })
    if (found?.body === undefined) throw new Error('the object was replaced while it was read')
    return found.body.getReader()
  }
  return new ReadableStream(
    {
      async pull(controller) {
        reader ??= await open()
        const { value, done } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: (reason) => reader?.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}
