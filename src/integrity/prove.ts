import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { describeValue } from '../errors/describe.js'
import { isError } from '../errors/thrown.js'
import { IntegrityMismatchError, InvalidOptionError, SizeLimitError } from '../errors.js'
import { SNIFF_BYTES } from '../file-type/sniff.js'
import type { Deadlines } from '../timing/deadlines.js'

/** What the bytes must be. What is left out is not known beforehand, and only counted and hashed. */
export interface Announced {
  /** Bytes. */
  size?: number | undefined
  /** Lowercase hex. */
  sha256?: string | undefined
}

/**
 * How sure we are of the stored bytes: proven against the hash that WhatsApp announced; only hashed here, for none was
 * announced; or stored under another hash than announced, which `integrity: 'report'` allows.
 */
export type Integrity = 'announced' | 'unannounced' | 'mismatch-reported'

export interface ProvenBody {
  /**
   * The bytes. It errors before its last chunk when size or hash are not the announced ones, so that whoever stores it
   * never completes wrong bytes. It has an error listener: left alone, it ends no process.
   */
  readonly body: Readable
  /** Resolves with the first bytes (as many as asked for, fewer if the body is shorter) without consuming them. */
  readonly opening: Promise<Uint8Array>
  /** Size and hash of the bytes seen; the hash is there once the source has ended. */
  observed(): { size: number; sha256: string | undefined }
  /** Whether all bytes were proven and handed on. After that a failed put may have been a lost answer. */
  isProven(): boolean
}

export interface ProveOptions extends Announced {
  /** More bytes than this are a `SizeLimitError`. */
  maxBytes: number
  /** How many first bytes `opening` shows. Default 0. */
  openingBytes?: number
  /** Sees the first bytes (`SNIFF_BYTES`, fewer if the body is shorter) before anyone else does, and throws to refuse them. */
  checkOpening?: ((opening: Uint8Array) => void) | undefined
  /** Whether small chunks come joined. Default true. */
  joinChunks?: boolean
  deadlines: Deadlines
  /** Who reads the body: `store` is held to its deadline, `reader` (the library's caller) is not. */
  reader: 'store' | 'reader'
  /** Turns the source's own error, or `undefined` when it ended early, into the one to report. */
  onSourceError: (error: Error | undefined) => unknown
}

/** Small chunks are joined up to this many bytes: TLS delivers 8-16 KB at a time, and each write has a price. */
const GATHER_BYTES = 131_072

const ownFailures = new WeakSet<Error>()

/** Why the bytes of `proveBytes` broke off; undefined while they have not, and when it was their reader that ended them. */
export function failureOf({ errored }: Readable): Error | undefined {
  return errored !== null && ownFailures.has(errored) ? errored : undefined
}

/**
 * The integrity stream: counts, caps and hashes `source`, and keeps the last chunks back until size and SHA-256 are
 * the announced ones. No store, however weak, can commit wrong bytes, for it never gets all of them.
 */
export function proveBytes(source: Readable, options: ProveOptions): ProvenBody {
  const { size, sha256, maxBytes, openingBytes = 0, checkOpening, joinChunks = true } = options
  const { deadlines, reader, onSourceError } = options
  const hash = createHash('sha256')
  const opening = captureOpening(openingBytes)
  const checked = checkOpening === undefined ? undefined : captureOpening(SNIFF_BYTES, checkOpening)
  let digest: string | undefined
  let isWhole = false
  let received = 0

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
  const gatherer = (joinChunks ? createGatherer : createHolder)((piece) => body.push(piece))
  const fail = (error: unknown): void => {
    const failure = isError(error) ? error : new Error('aborted')
    ownFailures.add(failure)
    body.destroy(failure)
  }
  const abort = (): void => fail(deadlines.signal.reason)

  const take = (chunk: unknown): void => {
    const bytes = toBytes(chunk)
    received += bytes.byteLength
    if (received > maxBytes) throw new SizeLimitError({ limitBytes: maxBytes, bytes: received, phase: 'download' })
    if (size !== undefined && received > size) throw mismatch('The body is longer than announced')
    hash.update(bytes)
    checked?.add(bytes)
    opening.add(bytes)
    const left = size === undefined ? undefined : size - received
    const hasRoom = gatherer.add(bytes, left)
    if (!hasRoom) source.pause()
    deadlines.waitFor(hasRoom ? 'source' : reader)
  }

  const finish = (): void => {
    digest = hash.digest('hex')
    if (size !== undefined && received !== size) throw mismatch('The body is shorter than announced')
    if (sha256 !== undefined && digest !== sha256) throw mismatch('The body has another SHA-256 than announced')
    checked?.end()
    opening.end()
    deadlines.waitFor(reader)
    const last = gatherer.rest()
    if (last !== undefined) body.push(last)
    body.push(null)
    isWhole = true
  }

  const orFail =
    (step: (chunk: unknown) => void) =>
    (chunk: unknown): void => {
      try {
        step(chunk)
      } catch (error) {
        fail(error)
      }
    }

  const mismatch = (problem: string): IntegrityMismatchError =>
    new IntegrityMismatchError({
      problem,
      expectedSize: size,
      observedSize: received,
      expectedSha256: sha256,
      observedSha256: digest,
    })

  // A reader who comes late, or never, must not end the process with an unhandled 'error'.
  body.on('error', () => {})
  source.pause()
  source.on('data', orFail(take))
  source.once('end', orFail(finish))
  // Not once: a sloppy stream's second error would end the process.
  source.on('error', (error) => fail(onSourceError(error)))
  source.once('close', () => {
    if (digest === undefined) fail(onSourceError(undefined))
  })
  if (source.errored !== null) fail(onSourceError(source.errored))
  else if (source.destroyed || source.readableEnded) fail(onSourceError(undefined))
  if (deadlines.signal.aborted) abort()
  else deadlines.signal.addEventListener('abort', abort, { once: true })
  if (openingBytes > 0) body.read(0)
  else opening.end()

  return {
    body,
    opening: opening.promise,
    observed: () => ({ size: received, sha256: digest }),
    isProven: () => isWhole && body.readableLength === 0,
  }
}

/** Hands a piece on. Returns whether there is room for more. */
type Push = (piece: Uint8Array) => boolean

interface Gatherer {
  /**
   * Takes a chunk, and pushes the pieces that are certain not to be the last.
   *
   * @param left bytes that should come after the chunk, if that is known
   * @returns whether there is room for more
   */
  add(chunk: Uint8Array, left: number | undefined): boolean
  /** What is still held back. */
  rest(): Uint8Array | undefined
}

/** Holds the last chunk back, and lets all others pass as they are. */
function createHolder(push: Push): Gatherer {
  let held: Uint8Array | undefined
  return {
    add(chunk) {
      const hasRoom = held === undefined || push(held)
      held = chunk
      return hasRoom
    },
    rest: () => held,
  }
}

/** Copies small chunks together as they come, so that they can be let go of; large ones pass as they are. */
function createGatherer(push: Push): Gatherer {
  let held: Uint8Array | undefined
  let filled = 0
  return {
    add(chunk, left = GATHER_BYTES) {
      let hasRoom = true
      let rest = chunk
      while (rest.byteLength > 0) {
        if (held !== undefined && filled === held.byteLength) {
          hasRoom = push(held)
          held = undefined
        }
        if (held === undefined) {
          const due = Math.min(GATHER_BYTES, rest.byteLength + left)
          held = rest.byteLength >= due ? rest : Buffer.allocUnsafeSlow(due)
          filled = 0
        }
        const part = rest.subarray(0, held.byteLength - filled)
        if (held !== rest) held.set(part, filled)
        filled += part.byteLength
        rest = rest.subarray(part.byteLength)
      }
      return hasRoom
    },
    rest: () => held?.subarray(0, filled),
  }
}

interface OpeningCapture {
  readonly promise: Promise<Uint8Array>
  add(bytes: Uint8Array): void
  end(): void
  fail(error: unknown): void
}

function captureOpening(wanted: number, check?: (opening: Uint8Array) => void): OpeningCapture {
  const parts: Uint8Array[] = []
  let missing = wanted
  let isOpen = true
  let settle: { resolve: (bytes: Uint8Array) => void; reject: (error: unknown) => void } | undefined
  const promise = new Promise<Uint8Array>((resolve, reject) => {
    settle = { resolve, reject }
  })
  // Whoever awaits it sees the failure; nobody has to.
  promise.catch(() => {})
  const end = (): void => {
    if (!isOpen) return
    isOpen = false
    const bytes = join(parts)
    check?.(bytes)
    settle?.resolve(bytes)
  }
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

function join(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts)
}

function toBytes(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  if (typeof chunk === 'string') return Buffer.from(chunk)
  throw new InvalidOptionError({
    option: 'body',
    problem: `must be made of bytes or strings, got ${describeValue(chunk)}`,
  })
}
