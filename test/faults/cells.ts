import { gzipSync } from 'node:zlib'
import type { ErrorCode } from '../../src/errors.js'
import { buildGraphErrorBody } from '../../src/testing/fake-cloud-api/graph-error-body.js'
import type { Fault } from '../../src/testing/fake-cloud-api.js'
import type { ProxyFault } from '../fault-proxy.js'
import { s3Error } from './s3-stand-in.js'

/** The steps of an archive that a fault can hit. */
export const PHASES = {
  'look-up': 'The request that asks Meta where the media is.',
  download: "The download from the look-up's URL.",
  'direct download': "The first download from the webhook's own URL, which saves the look-up while it works.",
  upload: "The PUT, on its way to the store or with the store's answer to it.",
  head: 'The HEAD before a download, when a redelivery is likely.',
  compare: 'The HEAD after the store answered that the object exists; the same bytes were archived before.',
} as const

export type Phase = keyof typeof PHASES

export const FAULTS = [
  'reset',
  'close early',
  'stall',
  'drip',
  'corrupt',
  'HTTP 400',
  'HTTP 401',
  'HTTP 403',
  'HTTP 404',
  'HTTP 410',
  'HTTP 429',
  'HTTP 500',
  'HTTP 503',
  'redirect to a foreign host',
  'gzip bomb',
  'endless body',
  'lost answer',
] as const

export type FaultName = (typeof FAULTS)[number]

interface Expected {
  outcome: 'archived' | ErrorCode
  attempts: number
}

export interface Cell {
  phase: Phase
  name: FaultName
  frequency: 'once' | 'always'
  fault: { api: Fault } | { store: ProxyFault }
  expected: Expected
  /** Whether only a deadline ends the fault. */
  waits: boolean
}

/** Bytes of the media that the cells archive. */
export const MEDIA_BYTES = 40_000

/** How many attempts a cell's archive has. */
export const ATTEMPTS = 3

interface Outcomes {
  once: Expected
  always: Expected
}

const archivedAfter = (attempts: number): Expected => ({ outcome: 'archived', attempts })
const failedAfter = (attempts: number, outcome: ErrorCode): Expected => ({ outcome, attempts })

/** Another attempt mends it; if it stays, the attempts are used up. */
const passing = (code: ErrorCode): Outcomes => ({ once: archivedAfter(2), always: failedAfter(ATTEMPTS, code) })
/** No other attempt is made. */
const permanent = (code: ErrorCode): Outcomes => ({ once: failedAfter(1, code), always: failedAfter(1, code) })
/** The attempt does without. */
const harmless: Outcomes = { once: archivedAfter(1), always: archivedAfter(1) }
/** The attempt finds another way once, not always. */
const avoidable = ({ always }: Outcomes): Outcomes => ({ once: archivedAfter(1), always })

type Row = Outcomes & { fault: Cell['fault'] }
/** A text says why a fault makes no sense in a phase. */
type Rows = Readonly<Record<FaultName, Row | string>>

function lookUps(foreign: string): Rows {
  const on = 'look-up'
  const row = (fault: Fault, outcomes: Outcomes): Row => ({ fault: { api: fault }, ...outcomes })
  // Without a body of its own the fake sends Meta's, with a Graph error code.
  const status = (code: number, outcomes: Outcomes): Row => row({ on, kind: 'status', status: code }, outcomes)
  return {
    reset: row({ on, kind: 'reset', afterBytes: 100 }, passing('download-failed')),
    'close early': row({ on, kind: 'close-early' }, passing('download-failed')),
    stall: row({ on, kind: 'stall', afterBytes: 100 }, passing('timeout')),
    drip: row({ on, kind: 'drip' }, passing('timeout')),
    corrupt: row({ on, kind: 'flip-bit' }, passing('download-failed')),
    'HTTP 400': status(400, permanent('media-gone')),
    // The token function is asked again, and that once.
    'HTTP 401': status(401, { once: archivedAfter(1), always: failedAfter(1, 'access-token') }),
    'HTTP 403': status(403, permanent('graph-api')),
    'HTTP 404': status(404, permanent('graph-api')),
    'HTTP 410': status(410, permanent('graph-api')),
    'HTTP 429': status(429, passing('graph-api')),
    'HTTP 500': status(500, passing('graph-api')),
    'HTTP 503': status(503, passing('graph-api')),
    'redirect to a foreign host': row({ on, kind: 'redirect', to: `${foreign}/look-up` }, permanent('graph-api')),
    'gzip bomb': row({ on, kind: 'gzip' }, passing('download-failed')),
    'endless body': row({ on, kind: 'endless' }, passing('download-failed')),
    'lost answer': row({ on, kind: 'reset' }, passing('download-failed')),
  }
}

const PAGE = '<!DOCTYPE html><html lang="en"><title>Error</title><h1>Sorry, something went wrong.</h1></html>'

function downloads(foreign: string): Rows {
  const on = 'download'
  const row = (fault: Fault, outcomes: Outcomes): Row => ({ fault: { api: fault }, ...outcomes })
  const json = (status: number, outcomes: Outcomes): Row =>
    row({ on, kind: 'status', status, body: buildGraphErrorBody(status, 'Atrace') }, outcomes)
  const page = (status: number, outcomes: Outcomes): Row =>
    row({ on, kind: 'status', status, body: PAGE, headers: { 'content-type': 'text/html' } }, outcomes)
  return {
    reset: row({ on, kind: 'reset', afterBytes: 20_000 }, passing('download-failed')),
    'close early': row({ on, kind: 'close-early' }, passing('download-failed')),
    stall: row({ on, kind: 'stall', afterBytes: 20_000 }, passing('timeout')),
    drip: row({ on, kind: 'drip' }, passing('timeout')),
    corrupt: row({ on, kind: 'flip-bit', offset: 20_000 }, passing('integrity-mismatch')),
    'HTTP 400': json(400, permanent('download-failed')),
    'HTTP 401': json(401, passing('download-failed')),
    'HTTP 403': page(403, passing('download-failed')),
    'HTTP 404': page(404, passing('download-failed')),
    'HTTP 410': page(410, passing('download-failed')),
    'HTTP 429': json(429, passing('download-failed')),
    'HTTP 500': page(500, passing('download-failed')),
    'HTTP 503': page(503, passing('download-failed')),
    'redirect to a foreign host': row({ on, kind: 'redirect', to: `${foreign}/file` }, permanent('host-refused')),
    'gzip bomb': row({ on, kind: 'gzip' }, permanent('download-failed')),
    'endless body': row({ on, kind: 'endless' }, passing('integrity-mismatch')),
    // The look-up's connection serves the download, too, and one that may have been forgotten is worth a new one.
    'lost answer': row(
      { on, kind: 'reset' },
      { once: archivedAfter(1), always: failedAfter(ATTEMPTS, 'download-failed') },
    ),
  }
}

/** What shows before the body leads to a look-up in the same attempt. */
const SHOWS_LATE: ReadonlySet<FaultName> = new Set(['reset', 'close early', 'stall', 'drip', 'corrupt'])

function directDownloads(foreign: string): Rows {
  const rows = Object.entries(downloads(foreign)).map(([name, row]) => {
    const showsLate = typeof row === 'string' || [...SHOWS_LATE].some((late) => late === name)
    return [name, showsLate ? row : { ...row, ...avoidable(row) }]
  })
  return Object.fromEntries(rows) as Rows
}

const CRLF = '\r\n'

/** An answer as it stands on the wire. */
function wire(status: string, headers: readonly string[], body = ''): string {
  return [`HTTP/1.1 ${status}`, 'connection: close', ...headers, '', body].join(CRLF)
}

function xml(status: string, code: string, details?: string): string {
  const body = s3Error(code, details)
  return wire(status, ['content-type: application/xml', `content-length: ${body.length}`], body)
}

const REASONS = {
  400: ['Bad Request', 'InvalidRequest'],
  401: ['Unauthorized', 'Unauthorized'],
  403: ['Forbidden', 'AccessDenied'],
  404: ['Not Found', 'NoSuchBucket'],
  410: ['Gone', 'Gone'],
  429: ['Too Many Requests', 'TooManyRequests'],
  500: ['Internal Server Error', 'InternalError'],
  503: ['Service Unavailable', 'SlowDown'],
} as const

type Status = keyof typeof REASONS

/** S3 says with 307 that a bucket is still being moved; the place could be anyone's. */
const temporaryRedirect = (foreign: string): string =>
  wire('307 Temporary Redirect', [`location: ${foreign}/bucket/key`, 'content-length: 0'])

function uploads(foreign: string): Rows {
  const method = 'PUT'
  const row = (fault: ProxyFault, outcomes: Outcomes): Row => ({ fault: { store: fault }, ...outcomes })
  const status = (code: Status, outcomes: Outcomes): Row =>
    row({ method, answer: xml(`${code} ${REASONS[code][0]}`, REASONS[code][1]) }, outcomes)
  const bomb = gzipSync(Buffer.alloc(50_000_000))
  const bombHead = wire('200 OK', ['content-encoding: gzip', `content-length: ${bomb.length}`])
  return {
    reset: row({ method, cut: 'request', after: 20_000, how: 'reset' }, passing('storage-failed')),
    'close early': row({ method, cut: 'request', after: 20_000, how: 'close' }, passing('storage-failed')),
    stall: row({ method, cut: 'request', after: 20_000, how: 'stall' }, passing('timeout')),
    drip: row({ method, drip: 'request', bytes: 100 }, passing('timeout')),
    corrupt: row({ method, flip: 'request', offset: 20_000 }, passing('storage-failed')),
    'HTTP 400': status(400, permanent('storage-failed')),
    'HTTP 401': status(401, permanent('storage-failed')),
    'HTTP 403': status(403, permanent('storage-failed')),
    'HTTP 404': status(404, permanent('storage-failed')),
    'HTTP 410': status(410, permanent('storage-failed')),
    'HTTP 429': status(429, passing('storage-failed')),
    'HTTP 500': status(500, passing('storage-failed')),
    'HTTP 503': status(503, passing('storage-failed')),
    'redirect to a foreign host': row({ method, answer: temporaryRedirect(foreign) }, permanent('storage-failed')),
    // Whoever says 200 here has stored nothing.
    'gzip bomb': row({ method, answer: Buffer.concat([Buffer.from(bombHead), bomb]) }, passing('storage-failed')),
    'endless body': row({ method, answer: wire('200 OK', []), endless: true }, passing('storage-failed')),
    'lost answer': row({ method, cut: 'answer', how: 'reset' }, harmless),
  }
}

function heads(foreign: string, outcomesOf: { refused: Outcomes; notFound: Outcomes }): Rows {
  const method = 'HEAD'
  const row = (fault: ProxyFault, outcomes: Outcomes): Row => ({ fault: { store: fault }, ...outcomes })
  const status = (code: Status, outcomes: Outcomes): Row =>
    row({ method, answer: wire(`${code} ${REASONS[code][0]}`, ['content-type: application/xml']) }, outcomes)
  return {
    reset: row({ method, cut: 'answer', after: 30, how: 'reset' }, passing('storage-failed')),
    'close early': row({ method, cut: 'answer', after: 30, how: 'close' }, passing('storage-failed')),
    stall: row({ method, cut: 'answer', after: 30, how: 'stall' }, passing('timeout')),
    drip: row({ method, drip: 'answer', bytes: 1 }, passing('timeout')),
    corrupt: row({ method, flip: 'answer', offset: 0 }, passing('storage-failed')),
    'HTTP 400': status(400, outcomesOf.refused),
    'HTTP 401': status(401, outcomesOf.refused),
    'HTTP 403': status(403, outcomesOf.refused),
    'HTTP 404': status(404, outcomesOf.notFound),
    'HTTP 410': status(410, outcomesOf.refused),
    'HTTP 429': status(429, passing('storage-failed')),
    'HTTP 500': status(500, passing('storage-failed')),
    'HTTP 503': status(503, passing('storage-failed')),
    'redirect to a foreign host': row({ method, answer: temporaryRedirect(foreign) }, outcomesOf.refused),
    'gzip bomb': NO_BODY,
    'endless body': NO_BODY,
    'lost answer': row({ method, cut: 'answer', how: 'reset' }, passing('storage-failed')),
  }
}

const NO_BODY = 'the answer to a HEAD has no body'

export type Matrix = Readonly<Record<Phase, Rows>>

/** Every combination, and why some are left out. `foreign` is the origin of a host that must never be asked. */
export function createMatrix(foreign: string): Matrix {
  return {
    'look-up': lookUps(foreign),
    download: downloads(foreign),
    'direct download': directDownloads(foreign),
    upload: uploads(foreign),
    // The look is advisory: nothing there, or no permission to look, both lead on to the put.
    head: heads(foreign, { refused: harmless, notFound: harmless }),
    // Here it decides, and "there is one" beside "there is none" is a contradiction that may pass.
    compare: heads(foreign, { refused: permanent('storage-failed'), notFound: passing('storage-failed') }),
  }
}

export function cellsOf(matrix: Matrix): Cell[] {
  const phases = Object.keys(PHASES) as Phase[]
  return phases.flatMap((phase) =>
    FAULTS.flatMap((name): Cell[] => {
      const row = matrix[phase][name]
      if (typeof row === 'string') return []
      const { fault, once, always } = row
      const waits = always.outcome === 'timeout'
      return [
        { phase, name, frequency: 'once', fault, expected: once, waits },
        { phase, name, frequency: 'always', fault, expected: always, waits },
      ]
    }),
  )
}
