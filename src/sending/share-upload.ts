import type { MediaIdCache } from '../media-ids.js'
import { isCloudflareWorkers } from '../runtime.js'
import { abortable, createController } from '../timing/abort.js'
import type { UploadedMedia } from './attempt-upload.js'

/** An upload that several calls wait for. */
interface SharedUpload {
  promise: Promise<UploadedMedia>
  /** The id that it was begun to replace. */
  staleMediaId: string | undefined
  /** Calls that still wait. */
  waiting: number
  /** Ends it: nobody waits any more. */
  abandon(): void
}

/** Uploads under way in this process, by the key of what they upload. */
const underWay = new WeakMap<MediaIdCache, Map<string, SharedUpload>>()

/** What is wanted of an upload that may be shared. */
export interface SharedCall {
  cache: MediaIdCache
  key: string
  /** An id that Meta no longer knows. */
  staleMediaId: string | undefined
  /** The caller's own: it leaves, and the others go on. */
  signal: AbortSignal | undefined
  /** Begins the upload. Its signal aborts once all callers have left. */
  begin(signal: AbortSignal): Promise<UploadedMedia>
}

/**
 * Waits for the upload of this key that is under way, or begins it. A failure is that of all who wait, and is forgotten:
 * the next call begins anew.
 */
export async function shareUpload(call: SharedCall): Promise<UploadedMedia> {
  const { staleMediaId, signal, begin } = call
  // Workers end what a request began with that request: others would wait for ever.
  if (isCloudflareWorkers()) return begin(signal ?? createController().signal)
  for (;;) {
    const shared = join(call)
    const media = await wait(shared, call)
    // One that began before may have found the very id that is to be replaced.
    if (staleMediaId === undefined || media.mediaId !== staleMediaId || shared.staleMediaId === staleMediaId)
      return media
  }
}

function join({ cache, key, staleMediaId, begin }: SharedCall): SharedUpload {
  const uploads = underWay.get(cache) ?? new Map<string, SharedUpload>()
  underWay.set(cache, uploads)
  const found = uploads.get(key)
  if (found !== undefined) return found
  const controller = createController()
  const forget = (): void => {
    if (uploads.get(key) === shared) uploads.delete(key)
  }
  const shared: SharedUpload = {
    promise: begin(controller.signal),
    staleMediaId,
    waiting: 0,
    abandon() {
      forget()
      controller.abort()
    },
  }
  uploads.set(key, shared)
  shared.promise.then(forget, forget)
  return shared
}

async function wait(shared: SharedUpload, { signal }: SharedCall): Promise<UploadedMedia> {
  shared.waiting++
  try {
    return await abortable(shared.promise, signal)
  } finally {
    shared.waiting--
    if (shared.waiting === 0) shared.abandon()
  }
}
