import { SNIFF_BYTES } from '../file-type/sniff.js'
import { type ProvenBody, proveBytes } from '../integrity/prove.js'
import type { TimedAttempt } from './call-graph.js'
import { inspectOpening } from './inspect-opening.js'
import type { SourceReader } from './open-source.js'
import { checkOutboundSize, type OutboundFormat } from './outbound-limits.js'
import { widenReads } from './widen-reads.js'

/** A file of a size and type that WhatsApp takes. */
export interface OutboundFile {
  format: OutboundFormat
  /** Bytes. */
  size: number
  /** Lowercase hex. Absent where no one recorded it: the bytes are then not hashed. */
  sha256: string | undefined
  proven: ProvenBody
}

/**
 * Opens a source, and checks all that can be known of it before a byte is sent: its type, its size, and its first bytes.
 *
 * @throws OutboundTypeError, OutboundLimitError; the source's own error.
 */
export async function proveSource(
  reader: SourceReader,
  findFormat: (mimeType: string) => OutboundFormat,
  { deadlines }: TimedAttempt,
): Promise<OutboundFile> {
  const { body, size, sha256, mimeType, onSourceError } = await reader.open(deadlines, findFormat)
  try {
    const format = findFormat(mimeType)
    checkOutboundSize(format, size)
    const proven = proveBytes(widenReads(body), {
      ...{ size, sha256, maxBytes: format.limitBytes, openingBytes: SNIFF_BYTES, deadlines, onSourceError },
      checkOpening: (opening) => inspectOpening(opening, format, size),
      hashesAll: false,
      joinChunks: false,
      reader: 'headers',
    })
    await proven.opening
    return { format, size, sha256, proven }
  } catch (error) {
    body.destroy()
    throw error
  }
}
