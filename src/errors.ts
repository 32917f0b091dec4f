/**
 * Every way this library can fail, one class a circumstance. Each error says in `code` what happened, in `phase` where,
 * and in `retryable` whether the same call can succeed later without a change of code or configuration.
 *
 * No error carries a token, a signed query, a phone number, a file name or a request object: such values show as
 * their type and length only, in the message, in JSON and when inspected.
 */

import { describeHost, describeId, describeSecret, describeValue } from './errors/describe.js'
import { cleanServerText } from './errors/redaction.js'
import { BRAND, hasBrand, isError, readTextField, reduceToName, withName } from './errors/thrown.js'

/** Where in the flow an error arose. */
export type Phase = 'configure' | 'receive' | 'look-up' | 'download' | 'store' | 'sign' | 'queue'

interface Circumstance {
  readonly phase: Phase
  readonly retryable: boolean
  readonly cause?: unknown
}

/**
 * The base of every error of this library. Check with `WhatsAppMediaError.is(error)`: it also recognises errors of a
 * second copy of the package (ES module beside CommonJS), which `instanceof` does not, and narrows on `error.code`.
 */
export abstract class WhatsAppMediaError extends Error {
  /** Stable, for `switch`. */
  abstract readonly code: string
  /** Whether the same call can succeed later, with nothing changed on this side. */
  readonly retryable: boolean
  /** The step that failed. */
  readonly phase: Phase

  constructor(message: string, circumstance: Circumstance) {
    super(message, circumstance.cause === undefined ? undefined : { cause: safeCause(circumstance.cause) })
    this.name = new.target.name
    this.retryable = circumstance.retryable
    this.phase = circumstance.phase
    Object.defineProperty(this, BRAND, { value: true })
  }

  /** Whether `error` is one of this library's, whichever copy of the package made it. */
  static is(error: unknown): error is AnyWhatsAppMediaError {
    return hasBrand(error)
  }

  /** The safe fields only, without stack: fit for logs, queues and databases. */
  toJSON(): Record<string, unknown> {
    const { name, message, cause, ...fields } = this
    return {
      name,
      message: this.message,
      ...fields,
      ...(isError(this.cause) ? { cause: { name: this.cause.name, message: this.cause.message } } : {}),
    }
  }
}

/**
 * An option, a key or another argument is missing or of the wrong form. The message names the option and the value
 * received.
 *
 * Retryable: no. What to do: mend the call.
 */
export class InvalidOptionError extends WhatsAppMediaError {
  readonly code = 'invalid-option'
  /** The option's name, such as `accountId` or `cloudApi.baseUrl`. */
  readonly option: string

  constructor({ option, problem }: { option: string; problem: string }) {
    super(`${option} ${problem}`, { phase: 'configure', retryable: false })
    this.option = option
  }
}

/** Why a webhook's signature was refused. For logs only: whoever sent the webhook learns nothing but 401. */
export type SignatureProblem = 'missing-header' | 'malformed-header' | 'body-re-encoded' | 'wrong-secret'

const SIGNATURE_PROBLEMS: Readonly<Record<SignatureProblem, string>> = {
  'missing-header': 'there is no X-Hub-Signature-256 header; Meta sends one with every webhook',
  'malformed-header': 'the X-Hub-Signature-256 header is not sha256= and 64 lowercase hex digits',
  'body-re-encoded':
    'the body does not look like the bytes Meta signed; give the raw body, from before any JSON parser touched it',
  'wrong-secret': 'no app secret fits; compare appSecret with the App Dashboard, or the body was tampered with',
}

/**
 * A webhook was not signed with any of the app secrets. Nothing of its body was parsed.
 *
 * Retryable: no. What to do: answer 401; `reason` is for your log only.
 */
export class InvalidSignatureError extends WhatsAppMediaError {
  readonly code = 'invalid-signature'
  /** `body-re-encoded` is a suspicion, from the form of the body. */
  readonly reason: SignatureProblem

  constructor({ reason }: { reason: SignatureProblem }) {
    super(`The webhook's signature is refused: ${SIGNATURE_PROBLEMS[reason]}`, { phase: 'receive', retryable: false })
    this.reason = reason
  }
}

/**
 * A webhook's body is, or says it is, larger than the handler's `maxBytes`. It was not read to its end.
 *
 * Retryable: no. What to do: answer 413.
 */
export class PayloadTooLargeError extends WhatsAppMediaError {
  readonly code = 'payload-too-large'
  readonly limitBytes: number

  constructor({ limitBytes }: { limitBytes: number }) {
    super(`The webhook's body has more than maxBytes, ${limitBytes} bytes`, { phase: 'receive', retryable: false })
    this.limitBytes = limitBytes
  }
}

/** Why there is no access token to work with; `unavailable`: the token function itself failed. */
export type AccessTokenProblem = 'missing' | 'rejected' | 'unavailable'

/**
 * The account's access token is missing, could not be asked for, or Meta rejected it (Graph codes 190 and 0, or HTTP
 * 401).
 *
 * Retryable: unless missing. What to do: renew the token; a token function is asked again at once.
 */
export class AccessTokenError extends WhatsAppMediaError {
  readonly code = 'access-token'
  readonly reason: AccessTokenProblem
  declare readonly status?: number
  declare readonly graphCode?: number

  constructor(details: {
    reason: AccessTokenProblem
    account?: string
    status?: number
    graphCode?: number
    cause?: unknown
  }) {
    const token = `access token${details.account === undefined ? '' : ` of account ${details.account}`}`
    const message = {
      missing: `The ${token} is missing`,
      rejected: `Meta rejected the ${token}${details.graphCode === undefined ? '' : ` (Graph code ${details.graphCode})`}`,
      unavailable: `The function that gives the ${token} failed`,
    }[details.reason]
    super(message, { phase: 'look-up', retryable: details.reason !== 'missing', cause: details.cause })
    this.reason = details.reason
    if (details.status !== undefined) this.status = details.status
    if (details.graphCode !== undefined) this.graphCode = details.graphCode
  }
}

/**
 * The phone number id belongs to no account that `accounts` knows. There is no default account.
 *
 * Retryable: no. What to do: add the account.
 */
export class UnknownNumberError extends WhatsAppMediaError {
  readonly code = 'unknown-number'
  readonly phoneNumberId: string

  constructor({ phoneNumberId }: { phoneNumberId: string }) {
    super(`No account is configured for phone number id ${describeId(phoneNumberId)}`, {
      phase: 'configure',
      retryable: false,
    })
    this.phoneNumberId = phoneNumberId
  }
}

/**
 * The Graph API refused a call, other than for its token or because the media is gone.
 *
 * Retryable: by Meta's code. What to do: see `graphCode`, `retryAfterMs`.
 */
export class GraphApiError extends WhatsAppMediaError {
  readonly code = 'graph-api'
  /** HTTP status. Rate limits come as 400: decide by `graphCode` first. */
  readonly status: number
  declare readonly graphCode?: number
  declare readonly subcode?: number
  /** Meta's trace id, for its support. */
  declare readonly fbtraceId?: string
  /** Milliseconds that Meta asked us to wait. */
  declare readonly retryAfterMs?: number

  constructor(details: {
    status: number
    retryable: boolean
    graphCode?: number
    subcode?: number
    fbtraceId?: string
    retryAfterMs?: number
    text?: string
    cause?: unknown
  }) {
    const code = details.graphCode === undefined ? '' : `, Graph code ${details.graphCode}`
    super(
      `The Graph API answered HTTP ${details.status}${code}${details.text === undefined ? '' : `: ${details.text}`}`,
      { phase: 'look-up', retryable: details.retryable, cause: details.cause },
    )
    this.status = details.status
    if (details.graphCode !== undefined) this.graphCode = details.graphCode
    if (details.subcode !== undefined) this.subcode = details.subcode
    if (details.fbtraceId !== undefined) this.fbtraceId = details.fbtraceId
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs
  }
}

/**
 * The media id is unknown to Meta: expired (7 days; 1 hour for No-Storage numbers), deleted, or not this token's to
 * read.
 *
 * Retryable: no. What to do: nothing; the sender can send again.
 */
export class MediaGoneError extends WhatsAppMediaError {
  readonly code = 'media-gone'
  readonly mediaId: string
  readonly status: number
  declare readonly graphCode?: number
  declare readonly subcode?: number
  declare readonly fbtraceId?: string

  constructor(details: { mediaId: string; status: number; graphCode?: number; subcode?: number; fbtraceId?: string }) {
    super(
      `Media ${describeId(details.mediaId)} is gone or not readable with this token: expired, deleted, or of another business account`,
      { phase: 'look-up', retryable: false },
    )
    this.mediaId = details.mediaId
    this.status = details.status
    if (details.graphCode !== undefined) this.graphCode = details.graphCode
    if (details.subcode !== undefined) this.subcode = details.subcode
    if (details.fbtraceId !== undefined) this.fbtraceId = details.fbtraceId
  }
}

/**
 * A look-up or download broke off, or a media host refused it. Start again from the look-up: media URLs die in 5
 * minutes.
 *
 * Retryable: mostly. What to do: try again: it starts from the look-up.
 */
export class DownloadFailedError extends WhatsAppMediaError {
  readonly code = 'download-failed'
  readonly host: string
  declare readonly status?: number
  declare readonly retryAfterMs?: number

  constructor(details: {
    host: string
    problem: string
    phase?: 'look-up' | 'download'
    retryable?: boolean
    status?: number
    retryAfterMs?: number
    cause?: unknown
  }) {
    const { host, problem, phase = 'download', retryable = true, cause } = details
    // A suffix among `cloudApi.mediaHosts` lets hosts through that others have named.
    const shown = describeHost(host)
    super(`The ${phase} from ${shown} failed: ${problem}`, { phase, retryable, cause })
    this.host = shown
    if (details.status !== undefined) this.status = details.status
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs
  }
}

/**
 * A URL leads to a host outside `cloudApi.mediaHosts`, or is not plain https. Nothing was sent there.
 *
 * Retryable: no. What to do: if Meta has a new host, add it.
 */
export class HostRefusedError extends WhatsAppMediaError {
  readonly code = 'host-refused'
  /** A label that may be a secret, such as a token in its place, shows as its length. */
  readonly host: string

  constructor(details: { host: string; problem: string }) {
    super(`Refused to ask ${details.host}: ${details.problem}`, { phase: 'download', retryable: false })
    this.host = details.host
  }
}

/**
 * The body is, or says it is, larger than `maxBytes`.
 *
 * Retryable: no. What to do: raise `maxBytes`.
 */
export class SizeLimitError extends WhatsAppMediaError {
  readonly code = 'size-limit'
  readonly limitBytes: number
  /** The declared size, or the bytes seen when the limit was passed. */
  readonly bytes: number

  constructor(details: { limitBytes: number; bytes: number; phase: 'download' | 'store' }) {
    super(`The body has ${details.bytes} bytes or more; maxBytes is ${details.limitBytes}`, {
      phase: details.phase,
      retryable: false,
    })
    this.limitBytes = details.limitBytes
    this.bytes = details.bytes
  }
}

/**
 * The bytes are not the ones announced: another size, another SHA-256, or a page in place of the media. Nothing was
 * stored.
 *
 * Retryable: yes. What to do: try again; if it stays, the media is broken at Meta.
 */
export class IntegrityMismatchError extends WhatsAppMediaError {
  readonly code = 'integrity-mismatch'
  declare readonly expectedSize?: number
  declare readonly observedSize?: number
  /** Lowercase hex. */
  declare readonly expectedSha256?: string
  /** Lowercase hex. */
  declare readonly observedSha256?: string

  constructor(details: {
    problem: string
    expectedSize?: number | undefined
    observedSize?: number | undefined
    expectedSha256?: string | undefined
    observedSha256?: string | undefined
    cause?: unknown
  }) {
    super(details.problem, { phase: 'download', retryable: true, cause: details.cause })
    if (details.expectedSize !== undefined) this.expectedSize = details.expectedSize
    if (details.observedSize !== undefined) this.observedSize = details.observedSize
    if (details.expectedSha256 !== undefined) this.expectedSha256 = details.expectedSha256
    if (details.observedSha256 !== undefined) this.observedSha256 = details.observedSha256
  }
}

/**
 * The storage refused or lost a call.
 *
 * Retryable: by status. What to do: see `reason`, `status`, `retryAfterMs`.
 */
export class StorageFailedError extends WhatsAppMediaError {
  readonly code = 'storage-failed'
  readonly operation: 'put' | 'head' | 'get' | 'delete' | 'list' | 'sign'
  readonly key: string
  /** HTTP status, where there was an answer. */
  declare readonly status?: number
  /** The storage's own name for the fault, such as `NoSuchBucket` or `ECONNRESET`. */
  readonly reason: string
  /** Milliseconds that the storage asked us to wait. */
  declare readonly retryAfterMs?: number

  constructor(details: {
    operation: 'put' | 'head' | 'get' | 'delete' | 'list' | 'sign'
    key: string
    reason: string
    retryable: boolean
    status?: number
    retryAfterMs?: number
    advice?: string
    cause?: unknown
  }) {
    const status = details.status === undefined ? '' : ` (HTTP ${details.status})`
    super(
      `The storage failed to ${details.operation} ${details.key}: ${details.reason}${status}${details.advice === undefined ? '' : `. ${details.advice}`}`,
      { phase: details.operation === 'sign' ? 'sign' : 'store', retryable: details.retryable, cause: details.cause },
    )
    this.operation = details.operation
    this.key = details.key
    this.reason = details.reason
    if (details.status !== undefined) this.status = details.status
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs
  }
}

/**
 * Under the key lie other bytes than ours. They were not overwritten.
 *
 * Retryable: no. What to do: look at both.
 */
export class KeyConflictError extends WhatsAppMediaError {
  readonly code = 'key-conflict'
  readonly key: string
  readonly expectedSize: number
  readonly foundSize: number
  readonly expectedSha256: string
  declare readonly foundSha256?: string

  constructor(details: {
    key: string
    expectedSize: number
    foundSize: number
    expectedSha256: string
    foundSha256: string | undefined
  }) {
    super(
      `${details.key} holds other bytes: expected ${details.expectedSize} bytes with SHA-256 ${details.expectedSha256}, found ${details.foundSize} bytes with ${details.foundSha256 ?? 'no recorded hash'}`,
      { phase: 'store', retryable: false },
    )
    this.key = details.key
    this.expectedSize = details.expectedSize
    this.foundSize = details.foundSize
    this.expectedSha256 = details.expectedSha256
    if (details.foundSha256 !== undefined) this.foundSha256 = details.foundSha256
  }
}

/**
 * The key belongs to another account than the one that asks.
 *
 * Retryable: no. What to do: do not sign it.
 */
export class WrongAccountError extends WhatsAppMediaError {
  readonly code = 'wrong-account'
  readonly accountId: string

  constructor({ accountId }: { accountId: string }) {
    super(`The key does not belong to account ${describeValue(accountId)}`, { phase: 'sign', retryable: false })
    this.accountId = accountId
  }
}

const PHASE_OF_WAIT = {
  headers: 'download',
  source: 'download',
  store: 'store',
  total: 'download',
  body: 'receive',
  callback: 'queue',
} as const satisfies Record<string, Phase>

/**
 * A function of the archive's owner kept throwing, or did not end, until the media was dead, or longer.
 *
 * Retryable: yes. What to do: mend it, then enqueue the job again.
 */
export class CallbackFailedError extends WhatsAppMediaError {
  readonly code = 'callback-failed'
  /** The option that holds the function. */
  readonly callback: 'accounts' | 'storage' | 'prefix' | 'onArchived' | 'onFailed'

  /**
   * `cause` is what it threw. Where that is no error of this library, name and code alone are kept: its words may quote
   * the job.
   */
  constructor({ callback, cause }: { callback: CallbackFailedError['callback']; cause: unknown }) {
    super(`${callback} failed, and there is no more time to call it again`, {
      phase: 'queue',
      retryable: true,
      cause: WhatsAppMediaError.is(cause) ? cause : reduceToName(cause),
    })
    this.callback = callback
  }
}

/**
 * The queue takes no more jobs: it holds as many as it may, or it was closed.
 *
 * Retryable: yes. What to do: answer 500: Meta delivers again.
 */
export class QueueFullError extends WhatsAppMediaError {
  readonly code = 'queue-full'
  /** `maxQueued`. */
  readonly limit: number

  constructor(details: { limit: number; problem: string }) {
    super(`The queue ${details.problem}`, { phase: 'queue', retryable: true })
    this.limit = details.limit
  }
}

/**
 * The service behind a queue (Redis or SQS, say) refused or lost a call, or did not answer in time.
 *
 * Retryable: by fault. What to do: answer 500, Meta delivers again; see `operation`, `reason`.
 */
export class QueueFailedError extends WhatsAppMediaError {
  readonly code = 'queue-failed'
  /**
   * `settle`: telling the queue what became of a job; `connect`: in the background; `list`, `redrive`, `discard`: of dead
   * letters.
   */
  readonly operation: 'enqueue' | 'receive' | 'settle' | 'connect' | 'list' | 'redrive' | 'discard'
  /** The service's own name for the fault, such as `AccessDenied` or `ECONNRESET`; `timeout` when no answer came. */
  readonly reason: string
  /** How many of the jobs are not in the queue; only of `enqueue`. */
  declare readonly failed?: number

  constructor(details: {
    operation: QueueFailedError['operation']
    reason: string
    retryable: boolean
    failed?: number
    total?: number
    cause?: unknown
  }) {
    const { operation, reason, retryable, failed, total, cause } = details
    const jobs = failed === undefined ? '' : ` ${failed} of ${total} jobs`
    super(`The queue failed to ${operation}${jobs}: ${reason}`, { phase: 'queue', retryable, cause })
    this.operation = operation
    this.reason = reason
    if (failed !== undefined) this.failed = failed
  }
}

/**
 * Jobs are larger than a message of the queue may be: their captions or file names must be huge. The others are queued.
 *
 * Retryable: no. What to do: raise `maxBatchBytes`, or archive them directly.
 */
export class JobTooLargeError extends WhatsAppMediaError {
  readonly code = 'job-too-large'
  /** How many. */
  readonly jobs: number
  /** Of the largest. */
  readonly bytes: number
  readonly limitBytes: number

  constructor(details: { jobs: number; bytes: number; limitBytes: number }) {
    const { jobs, bytes, limitBytes } = details
    super(`${jobs} jobs are larger than a message may be, ${limitBytes} bytes; the largest has ${bytes}`, {
      phase: 'queue',
      retryable: false,
    })
    this.jobs = jobs
    this.bytes = bytes
    this.limitBytes = limitBytes
  }
}

/**
 * A webhook announced something that can't be downloaded, now or later: `reason` says why.
 *
 * Retryable: no. What to do: tell the reader of the message.
 */
export class MediaUnavailableError extends WhatsAppMediaError {
  readonly code = 'media-unavailable'
  readonly reason: string
  /** Meta's error code. */
  declare readonly errorCode?: number

  constructor(details: { reason: string; errorCode?: number | undefined }) {
    const code = details.errorCode === undefined ? '' : ` (Meta's code ${details.errorCode})`
    super(`The media can't be downloaded: ${details.reason}${code}`, { phase: 'receive', retryable: false })
    this.reason = details.reason
    if (details.errorCode !== undefined) this.errorCode = details.errorCode
  }
}

/**
 * One of the deadlines passed: see `timeouts`; for a webhook's body, `bodyTimeoutMs`; for a function of the archive's
 * owner, `callbackTimeoutMs`.
 *
 * Retryable: yes. What to do: try again, or raise the option.
 */
export class TimeoutError extends WhatsAppMediaError {
  readonly code = 'timeout'
  /**
   * What we were waiting for: an answer's headers, the source's next bytes, the store, the whole transfer, a webhook's
   * body, or a function of the archive's owner.
   */
  readonly waitedFor: 'headers' | 'source' | 'store' | 'total' | 'body' | 'callback'
  readonly limitMs: number
  /** The option that holds the function. */
  declare readonly callback?: CallbackFailedError['callback'] | 'accessToken' | 'onPayload' | 'onMedia'

  constructor(details: {
    waitedFor: TimeoutError['waitedFor']
    limitMs: number
    callback?: TimeoutError['callback']
  }) {
    const what = {
      headers: 'No answer came',
      source: 'The source sent nothing',
      store: 'The store took nothing',
      total: 'The transfer did not end',
      body: "The webhook's body did not end",
      callback: `${details.callback} did not end`,
    }[details.waitedFor]
    super(`${what} within ${details.limitMs} ms`, {
      // A webhook handler's callbacks, or the archive's.
      phase:
        details.callback === 'onPayload' || details.callback === 'onMedia'
          ? 'receive'
          : PHASE_OF_WAIT[details.waitedFor],
      retryable: true,
    })
    this.waitedFor = details.waitedFor
    this.limitMs = details.limitMs
    if (details.callback !== undefined) this.callback = details.callback
  }
}

/** Any error of this library; `switch (error.code)` narrows it. */
export type AnyWhatsAppMediaError =
  | InvalidOptionError
  | InvalidSignatureError
  | PayloadTooLargeError
  | AccessTokenError
  | UnknownNumberError
  | GraphApiError
  | MediaGoneError
  | DownloadFailedError
  | HostRefusedError
  | SizeLimitError
  | IntegrityMismatchError
  | StorageFailedError
  | KeyConflictError
  | WrongAccountError
  | CallbackFailedError
  | QueueFullError
  | QueueFailedError
  | JobTooLargeError
  | MediaUnavailableError
  | TimeoutError

/** Every `code` there is. */
export type ErrorCode = AnyWhatsAppMediaError['code']

/**
 * A cause that is safe to keep: errors of SDKs and HTTP clients hold whole requests, bearer token included, so only
 * name, code and cleaned message go on. Our own errors are safe already.
 */
function safeCause(cause: unknown): unknown {
  if (WhatsAppMediaError.is(cause)) return cause
  if (!isError(cause)) return new Error(describeSecret(cause))
  return withName(new Error(cleanServerText(readTextField(cause, 'message'))), cause)
}
