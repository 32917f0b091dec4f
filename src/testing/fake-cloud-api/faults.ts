import { setTimeout as wait } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import type { ApiResponse } from './exchange.js'
import { buildGraphErrorBody } from './graph-error-body.js'

/** A fault of the fake Cloud API, until `clearFaults()` or for so many `times`. */
export type Fault = {
  /**
   * Which request it hits: of a template's sample, its beginning, its bytes, or the question where it goes on. Of an upload
   * and of a message (`send`) `afterBytes` counts the bytes of the request; without it the file or the message is kept,
   * and the answer suffers.
   */
  on:
    | 'look-up'
    | 'download'
    | 'flow-download'
    | 'delete'
    | 'upload'
    | 'template-begin'
    | 'template'
    | 'template-offset'
    | 'send'
  /** How often. Default: always. */
  times?: number | undefined
  /** Only this media. Default: all. */
  mediaId?: string | undefined
} & FaultKind

/** The effect of a fault. */
export type FaultKind =
  /** An error status with the body that Meta sends with it, or another. */
  | {
      kind: 'status'
      /** The HTTP status. */
      status: number
      /** The body. Default: the one that Meta sends with the status. */
      body?: string | undefined
      /** More headers of the answer. */
      headers?: Record<string, string> | undefined
    }
  /** A reset connection: before the answer, or after so many bytes of the body. */
  | {
      kind: 'reset'
      /** Bytes of the body before the reset. Default: a reset before the answer. */
      afterBytes?: number | undefined
    }
  /** The connection ends after so many bytes (default half) of those announced. */
  | {
      kind: 'close-early'
      /** Bytes before the end. Default: half of those announced. */
      afterBytes?: number | undefined
    }
  /** Nothing more comes: no answer at all, or no body after so many bytes. */
  | {
      kind: 'stall'
      /** Bytes of the body before the silence. Default: no answer at all. */
      afterBytes?: number | undefined
    }
  /** A few bytes now and then. Default: 1 byte every 50 ms. */
  | {
      kind: 'drip'
      /** Bytes at once. Default 1. */
      bytes?: number | undefined
      /** Milliseconds between them. Default 50. */
      everyMs?: number | undefined
    }
  /** One bit is wrong. Default: in the first byte. */
  | {
      kind: 'flip-bit'
      /** The byte whose bit is wrong, from 0. Default 0. */
      offset?: number | undefined
    }
  /** One byte less, or more, or none at all, with a Content-Length that agrees. */
  | {
      /** Which of these. */
      kind: 'short-body' | 'long-body' | 'empty'
    }
  /** Status 200 with a page, or with JSON, in place of the answer. */
  | {
      /** Which of these. */
      kind: 'html-page' | 'json-page'
    }
  /** A redirect, by default with status 302. */
  | {
      kind: 'redirect'
      /** The address that it leads to. */
      to: string
      /** The HTTP status. Default 302. */
      status?: 301 | 302 | 303 | 307 | 308 | undefined
    }
  /** Compressed, for any request: 50 MB of zeros in 50 KB. */
  | { kind: 'gzip' }
  /** No Content-Length, and no end (it stops after 1 GB). */
  | { kind: 'endless' }
  /** The right bytes without Content-Length. */
  | { kind: 'chunked' }
  /** The look-up announces another size or hash, or none, or is no JSON. */
  | {
      /** Which of these. */
      kind: 'wrong-size' | 'no-size' | 'wrong-sha256' | 'no-sha256' | 'malformed-json'
    }

const HTML = '<!DOCTYPE html><html lang="en"><title>Error</title><h1>Sorry, something went wrong.</h1></html>'
const ENDLESS_BYTES = 1_000_000_000
const BOMB_BYTES = 50_000_000
const BOMB_MEMBERS = 50

/** A fault, and how often it is still to come. */
export type CountedFault = Fault & { left: number }

/** The first fault that hits this request. */
export function takeFault(
  { on, mediaId }: { on: Fault['on']; mediaId: string },
  faults: readonly CountedFault[],
): Fault | undefined {
  const fault = faults.find((each) => each.on === on && each.left > 0 && (each.mediaId ?? mediaId) === mediaId)
  if (fault !== undefined) fault.left--
  return fault
}

/** True when a fault answers by itself, for any request. */
export function isWholeAnswer({ kind }: Fault): boolean {
  return kind === 'status' || kind === 'stall' || kind === 'reset'
}

/** The answer that the request would have got. */
export interface IntendedAnswer {
  headers: Record<string, string>
  size: number
  pieces(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

/** Sends an answer, spoilt by a fault if there is one. */
export async function sendSpoilt(
  response: ApiResponse,
  answer: IntendedAnswer,
  fault: Fault | undefined,
  traceId: string,
): Promise<void> {
  const { headers, size } = answer
  const announce = (length: number): void => {
    response.writeHead(200, { ...headers, 'content-length': length })
  }
  switch (fault?.kind) {
    case undefined:
    case 'wrong-size':
    case 'no-size':
    case 'wrong-sha256':
    case 'no-sha256':
    case 'malformed-json':
      announce(size)
      return sendAll(response, answer.pieces())
    case 'status':
    case 'html-page':
    case 'json-page':
    case 'redirect':
    case 'gzip':
      return sendReplacement(response, headers, fault, traceId)
    case 'reset':
    case 'close-early':
    case 'stall':
    case 'drip':
      return sendHalting(response, answer, fault)
    case 'flip-bit':
      announce(size)
      return sendAll(response, flipBit(answer.pieces(), fault.offset ?? 0))
    case 'short-body':
      announce(size - 1)
      return sendSome(response, answer, size - 1).then(() => void response.end())
    case 'long-body':
      announce(size + 1)
      return sendAll(response, appendPiece(answer.pieces(), Buffer.from('!')))
    case 'empty':
      announce(0)
      return void response.end()
    case 'endless':
      response.writeHead(200, headers)
      return sendAll(response, generateEndless())
    case 'chunked':
      response.writeHead(200, headers)
      return sendAll(response, answer.pieces())
  }
}

/** Sends something else in place of the answer. */
function sendReplacement(
  response: ApiResponse,
  headers: Record<string, string>,
  fault: Extract<FaultKind, { kind: 'status' | 'html-page' | 'json-page' | 'redirect' | 'gzip' }>,
  traceId: string,
): void {
  switch (fault.kind) {
    case 'status': {
      const { status, body = buildGraphErrorBody(status, traceId) } = fault
      response.writeHead(status, { 'content-type': 'application/json', ...fault.headers }).end(body)
      return
    }
    case 'html-page':
      return void response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(HTML)
    case 'json-page':
      return void response.writeHead(200, { 'content-type': 'application/json' }).end('{"success":true}')
    case 'redirect':
      return void response.writeHead(fault.status ?? 302, { location: fault.to }).end()
    case 'gzip': {
      // Fifty members of one file (RFC 1952, section 2.2): compressing 50 MB at once would hold up all other answers.
      const member = gzipSync(Buffer.alloc(BOMB_BYTES / BOMB_MEMBERS))
      const bomb = Buffer.concat(Array.from({ length: BOMB_MEMBERS }, () => member))
      response.writeHead(200, { ...headers, 'content-length': bomb.length, 'content-encoding': 'gzip' }).end(bomb)
    }
  }
}

/** Sends the right bytes, but not all of them, or slowly. Without `afterBytes` a reset or a stall has no answer at all. */
async function sendHalting(
  response: ApiResponse,
  answer: IntendedAnswer,
  fault: Extract<FaultKind, { kind: 'reset' | 'close-early' | 'stall' | 'drip' }>,
): Promise<void> {
  if (fault.kind === 'drip') return sendDrops(response, answer, fault)
  const { kind, afterBytes = kind === 'close-early' ? Math.floor(answer.size / 2) : undefined } = fault
  if (afterBytes !== undefined) {
    response.writeHead(200, { ...answer.headers, 'content-length': answer.size })
    await sendSome(response, answer, afterBytes)
  }
  if (kind !== 'stall') response.breakOff(kind)
}

async function sendAll(response: ApiResponse, pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  for await (const piece of pieces) {
    if (response.destroyed) return
    await response.write(piece)
  }
  response.end()
}

/** Sends the first bytes and leaves the answer open. */
async function sendSome(response: ApiResponse, answer: IntendedAnswer, bytes: number): Promise<void> {
  let left = bytes
  for await (const piece of answer.pieces()) {
    if (left <= 0 || response.destroyed) break
    const part = piece.subarray(0, left)
    left -= part.length
    await response.write(part)
  }
}

async function sendDrops(
  response: ApiResponse,
  answer: IntendedAnswer,
  { bytes = 1, everyMs = 50 }: { bytes?: number | undefined; everyMs?: number | undefined },
): Promise<void> {
  response.writeHead(200, { ...answer.headers, 'content-length': answer.size })
  for await (const piece of answer.pieces()) {
    for (let at = 0; at < piece.length; at += bytes) {
      if (response.destroyed) return
      void response.write(piece.subarray(at, at + bytes))
      await wait(everyMs)
    }
  }
  response.end()
}

async function* flipBit(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  offset: number,
): AsyncGenerator<Uint8Array> {
  let start = 0
  for await (const piece of pieces) {
    const at = offset - start
    start += piece.length
    if (at < 0 || at >= piece.length) yield piece
    else {
      const copy = Buffer.from(piece)
      copy.writeUInt8(copy.readUInt8(at) ^ 1, at)
      yield copy
    }
  }
}

async function* appendPiece(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  last: Uint8Array,
): AsyncGenerator<Uint8Array> {
  yield* pieces
  yield last
}

function* generateEndless(): Generator<Uint8Array> {
  const piece = Buffer.alloc(65_536)
  for (let sent = 0; sent < ENDLESS_BYTES; sent += piece.length) yield piece
}
