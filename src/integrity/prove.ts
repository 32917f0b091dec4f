import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { checkChunk } from '../errors/checks.js'
import { isError } from '../errors/thrown.js'
import { IntegrityMismatchError, SizeLimitError } from '../errors.js'
import { SNIFF_BYTES } from '../file-type/sniff.js'
import type { Deadlines } from '../timing/deadlines.js'
import { createGatherer, createHolder, GATHER_BYTES } from './gather.js'
import { captureOpening } from './opening.js'

export interface ProvenBody {
  /**
   * The bytes. The stream errors before its last chunk when size or hash are not the announced ones, so that a store
   * never completes wrong bytes. It has an error listener: left alone, it ends no process.
   */
  readonly body: Readable
  /** Resolves with the first bytes (`openingBytes` of them, fewer if the body is shorter) without consuming them. */
  readonly opening: Promise<Uint8Array>
  /** Size and hash of the bytes so far; the hash is there once the source has ended. */
  observed(): { size: number; sha256: string | undefined }
  /** True once all bytes were proven and handed on. After that a failed put may have been a lost answer. */
  isProven(): boolean
}

export interface ProveOptions {
  /** The announced bytes. Without a size they are only counted. */
  size?: number | undefined
  /** The announced hash, lowercase hex. Without one the bytes are only hashed. */
  sha256?: string | undefined
  /** More bytes than this are a `SizeLimitError`. */
  maxBytes: number
  /** How many first bytes `opening` shows. Default 0. */
  openingBytes?: number | undefined
  /**
   * Gets the first bytes (`SNIFF_BYTES`, fewer if the body is shorter) before the body's reader does, and throws to
   * refuse them.
   */
  checkOpening?: ((opening: Uint8Array) => void) | undefined
  /** Hashes bytes of which no hash was announced, for `observed`. Default true. */
  hashesAll?: boolean | undefined
  /** Joins small chunks. Default true. */
  joinChunks?: boolean | undefined
  deadlines: Deadlines
  /**
   * The body's reader: a `store` is held to its deadline, and so is a server that answers when it has all (`headers`). A
   * `reader` (the library's caller) is not.
   */
  reader: 'store' | 'headers' | 'reader'
  /** Turns the source's own error, or `undefined` when it ended early, into the one to report. */
  onSourceError: (error: Error | undefined) => unknown
}

const ownFailures = new WeakSet<Error>()

/** Why `proveBytes` ended its body; undefined while it has not, and when the body's reader ended it. */
export function findProofFailure({ errored }: Readable): Error | undefined {
  return errored !== null && ownFailures.has(errored) ? errored : undefined
}

function toProofFailure(error: unknown): Error {
  const failure = isError(error) ? error : new Error('aborted')
  ownFailures.add(failure)
  return failure
}

/**
 * The integrity stream: counts, caps and hashes `source`, and holds the last chunk back until size and SHA-256 are
 * the announced ones. No store, however weak, can commit wrong bytes, for it never gets all of them.
 *
 * From here on the body alone tells `deadlines` whom the transfer waits for: the source, while a read is unanswered.
 */
export function proveBytes(source: Readable, options: ProveOptions): ProvenBody {
  const { openingBytes = 0, checkOpening, joinChunks = true, deadlines, reader, onSourceError } = options
  const tally = createTally(options)
  const opening = captureOpening(openingBytes)
  // The check comes first: its refusal keeps the opening back.
  const captures = checkOpening === undefined ? [opening] : [captureOpening(SNIFF_BYTES, checkOpening), opening]
  let isWhole = false
  const body = new Readable({
    highWaterMark: GATHER_BYTES,
    read() {
      deadlines.waitFor('source')
      source.resume()
    },
    destroy(error, done) {
      deadlines.signal.removeEventListener('abort', abort)
      opening.fail(error)
      source.destroy()
      done(error)
    },
  })
  // A reader who comes late, or never, must not end the process with an unhandled 'error'.
  body.on('error', () => {})
  const gatherer = (joinChunks ? createGatherer : createHolder)((piece) => body.push(piece))
  const fail = (error: unknown): void => void body.destroy(toProofFailure(error))
  const abort = (): void => fail(deadlines.signal.reason)
  const take = (chunk: unknown): void => {
    const bytes = checkChunk(chunk)
    const left = tally.add(bytes)
    for (const each of captures) each.add(bytes)
    const hasRoom = gatherer.add(bytes, left)
    if (!hasRoom) source.pause()
    deadlines.waitFor(hasRoom ? 'source' : reader)
  }
  const finish = (): void => {
    tally.end()
    for (const each of captures) each.end()
    deadlines.waitFor(reader)
    const last = gatherer.rest()
    if (last !== undefined) body.push(last)
    body.push(null)
    isWhole = true
  }
  listen(source, { take, finish, fail, onSourceError })
  if (deadlines.signal.aborted) abort()
  else deadlines.signal.addEventListener('abort', abort, { once: true })
  deadlines.waitFor(reader)
  if (openingBytes > 0) body.read(0)
  const isProven = (): boolean => isWhole && body.readableLength === 0
  return { body, opening: opening.promise, observed: tally.observed, isProven }
}

interface SourceListener {
  take(chunk: unknown): void
  finish(): void
  fail(error: unknown): void
  onSourceError: ProveOptions['onSourceError']
}

/** Leads a source's chunks and its end to the listener, and every failure, also the listener's own, to its `fail`. */
function listen(source: Readable, { take, finish, fail, onSourceError }: SourceListener): void {
  let hasEnded = false
  source.pause()
  source.on('data', (chunk: unknown) => {
    try {
      take(chunk)
    } catch (error) {
      fail(error)
    }
  })
  source.once('end', () => {
    hasEnded = true
    try {
      finish()
    } catch (error) {
      fail(error)
    }
  })
  // Not once: a sloppy stream's second error would end the process.
  source.on('error', (error) => fail(onSourceError(error)))
  source.once('close', () => {
    if (!hasEnded) fail(onSourceError(undefined))
  })
  if (source.errored !== null) fail(onSourceError(source.errored))
  else if (source.destroyed || source.readableEnded) fail(onSourceError(undefined))
}

interface Tally {
  /** @returns the bytes that should still come, if that is known. */
  add(bytes: Uint8Array): number | undefined
  end(): void
  observed(): { size: number; sha256: string | undefined }
}

/**
 * Counts and hashes the bytes that pass.
 *
 * @throws SizeLimitError, IntegrityMismatchError in `add` and `end` for other bytes than announced.
 */
function createTally(options: Pick<ProveOptions, 'size' | 'sha256' | 'maxBytes' | 'hashesAll'>): Tally {
  const { size, sha256, maxBytes, hashesAll = true } = options
  const hash = hashesAll || sha256 !== undefined ? createHash('sha256') : undefined
  let received = 0
  let digest: string | undefined
  const mismatch = (problem: string): IntegrityMismatchError =>
    new IntegrityMismatchError({
      problem,
      expectedSize: size,
      observedSize: received,
      expectedSha256: sha256,
      observedSha256: digest,
    })
  return {
    add(bytes) {
      received += bytes.byteLength
      if (received > maxBytes) throw new SizeLimitError({ limitBytes: maxBytes, bytes: received })
      if (size !== undefined && received > size) throw mismatch('The body is longer than announced')
      hash?.update(bytes)
      return size === undefined ? undefined : size - received
    },
    end() {
      digest = hash?.digest('hex')
      if (size !== undefined && received !== size) throw mismatch('The body is shorter than announced')
      if (sha256 !== undefined && digest !== sha256) throw mismatch('The body has another SHA-256 than announced')
    },
    observed: () => ({ size: received, sha256: digest }),
  }
}
