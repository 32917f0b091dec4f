import type { Readable } from 'node:stream'
import { InvalidOptionError } from '../errors.js'
import { proveBytes } from '../integrity/prove.js'
import { defined } from '../json.js'
import { abortable } from '../timing/abort.js'
import type { Deadlines } from '../timing/deadlines.js'
import type { OpenedMedia } from './open-media.js'

/** Media on its way. */
export interface DownloadedMedia {
  /**
   * The bytes, once. The stream errors before its last chunk when size or hash are not the announced ones, and is
   * destroyed at the total deadline if nobody reads it.
   */
  body: Readable
  /** As declared by WhatsApp, parameters included. */
  mimeType: string
  /** Bytes. Absent when neither the look-up nor the download announced them. */
  size?: number | undefined
  /** Announced SHA-256, lowercase hex. Absent when none was announced. */
  sha256?: string | undefined
  /** The sender's name for a document. */
  filename?: string | undefined
  /** Meta's id of the media. */
  mediaId: string
  /** All bytes at once, proven. For small files. @throws InvalidOptionError when `body` was read before. */
  bytes(): Promise<Uint8Array>
}

/** Hands opened media to a reader, through the proof. The deadlines end with the body. */
export function serveReader(opened: OpenedMedia, deadlines: Deadlines): DownloadedMedia {
  const { maxBytes, checkOpening, onSourceError } = opened
  const { mediaId, mimeType, filename, size, sha256 } = opened.media
  const proof = { size, sha256, maxBytes, checkOpening, onSourceError, deadlines }
  const { body } = proveBytes(opened.source, { ...proof, reader: 'reader' })
  body.once('close', () => {
    deadlines.clear()
    // Nobody is left to hear of a temporary file that can't be removed.
    opened.release().catch(() => {})
  })
  let all: Promise<Uint8Array> | undefined
  return {
    body,
    mediaId,
    mimeType,
    ...defined({ size, sha256, filename }),
    bytes() {
      all ??= collect(body, deadlines)
      return all
    },
  }
}

/**
 * Waits for media to open. An HTTP client of your own may ignore the signal: abandoned, it may still fail, or bring a body
 * that comes too late.
 */
export function awaitOpening(opening: Promise<OpenedMedia>, { signal }: Deadlines): Promise<OpenedMedia> {
  opening.then(
    (opened) => (signal.aborted ? opened.release() : undefined),
    () => {},
  )
  return abortable(opening, signal)
}

async function collect(body: Readable, deadlines: Deadlines): Promise<Uint8Array> {
  // The rest of a body is no proven file.
  if (body.readableDidRead)
    throw new InvalidOptionError({ option: 'body', problem: 'was read already; bytes() takes it from its start' })
  const parts: Uint8Array[] = []
  try {
    for await (const part of body) parts.push(part)
  } catch (error) {
    throw deadlines.signal.aborted ? deadlines.signal.reason : error
  }
  return Buffer.concat(parts)
}
