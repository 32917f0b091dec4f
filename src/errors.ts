/**
 * Every way this library can fail, one class a circumstance. Each error names its cause in `code`, and says in
 * `retryable` whether the same call can succeed later without a change of code or configuration.
 *
 * No error carries a token, a signed query, a phone number, a file name or a request object: such values show as
 * their type and length only, in the message, in JSON and when inspected. The base class sees to it.
 */

import { type CleanFailure, cleanDetails } from './errors/clean-details.js'
import { describeId, quoteCleanId } from './errors/describe.js'
import { BRAND, hasBrand, isError, reduceToName } from './errors/thrown.js'

export type { CleanFailure } from './errors/clean-details.js'

/**
 * The base of every error of this library. Check with `WhatsAppMediaError.is(error)`: it also recognises errors of a
 * second copy of the package (ES module beside CommonJS), which `instanceof` does not, and narrows on `error.code`.
 */
export abstract class WhatsAppMediaError extends Error {
  /** Stable, for `switch`. */
  abstract readonly code: string
  /** The class's name. A literal in each class: bundlers that minify rename classes. */
  abstract override readonly name: string
  /** Whether the same call can succeed later, with nothing changed on this side. */
  readonly retryable: boolean

  /** For the classes of this library: only cleaned details are accepted. */
  constructor({ message, retryable, fields, ...rest }: CleanFailure) {
    super(message, 'cause' in rest ? { cause: rest.cause } : undefined)
    this.retryable = retryable
    Object.assign(this, fields)
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
      message,
      ...fields,
      ...(isError(cause) ? { cause: { name: cause.name, message: cause.message } } : {}),
    }
  }
}

/** How checks of an option end that got nothing. A part of an option, or what a callback returned, is not left out. */
const GOT_NOTHING = /[,;] got (?:a value of type )?undefined(?:$|, )/

function isLeftOut(option: string, problem: string): boolean {
  return /^\w+$/.test(option) && GOT_NOTHING.test(problem)
}

/**
 * An option, a key or another argument is missing or of the wrong form, or no option has this name. The message names
 * the option and the value received, or the nearest name.
 *
 * Retryable: no. What to do: fix the call.
 */
export class InvalidOptionError extends WhatsAppMediaError {
  readonly code = 'invalid-option'
  override readonly name = 'InvalidOptionError'
  /** The option's name, such as `accountId` or `cloudApi.baseUrl`. */
  declare readonly option: string

  /** @param details `isUnknown`: no option has this name, and `problem` is advice. */
  constructor(details: { option: string; problem: string; isUnknown?: boolean | undefined }) {
    super(
      cleanDetails(details, {
        fields: ['option'],
        retryable: false,
        buildMessage: ({ option, problem, isUnknown }) => {
          if (isUnknown === true) return `unknown option ${option}; ${problem}`
          return isLeftOut(option, problem) ? `${option} is missing; it ${problem}` : `${option} ${problem}`
        },
      }),
    )
  }
}

/** Why a webhook's signature was refused. For logs only: the sender of the webhook learns nothing but 401. */
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
  override readonly name = 'InvalidSignatureError'
  /** `body-re-encoded` is a suspicion, from the form of the body. */
  declare readonly reason: SignatureProblem

  /** @param details `form`: what came in place of the body that Meta signed; only of `body-re-encoded`. */
  constructor(details: { reason: SignatureProblem; form?: string | undefined }) {
    const buildMessage = ({ reason, form }: typeof details): string =>
      `The webhook's signature is refused: ${SIGNATURE_PROBLEMS[reason]}${form === undefined ? '' : `. It is ${form}`}`
    super(cleanDetails(details, { fields: ['reason'], retryable: false, buildMessage }))
  }
}

/**
 * A webhook's body is, or says it is, larger than the handler's `maxBytes`. It was not read to its end.
 *
 * Retryable: no. What to do: answer 413.
 */
export class PayloadTooLargeError extends WhatsAppMediaError {
  readonly code = 'payload-too-large'
  override readonly name = 'PayloadTooLargeError'
  /** The handler's `maxBytes`. */
  declare readonly limitBytes: number

  constructor(details: { limitBytes: number }) {
    const buildMessage = ({ limitBytes }: typeof details): string =>
      `The webhook's body has more than maxBytes, ${limitBytes} bytes`
    super(cleanDetails(details, { fields: ['limitBytes'], retryable: false, buildMessage }))
  }
}

/**
 * The bodies of webhooks that were being read held more memory together than the handler's `maxUnsignedBytes`, and this
 * one the most of it.
 *
 * Retryable: yes. What to do: answer 503; Meta delivers again.
 */
export class MemoryLimitError extends WhatsAppMediaError {
  readonly code = 'memory-limit'
  override readonly name = 'MemoryLimitError'
  /** The handler's `maxUnsignedBytes`. */
  declare readonly limitBytes: number

  constructor(details: { limitBytes: number }) {
    const buildMessage = ({ limitBytes }: typeof details): string =>
      `The bodies of all webhooks together have more than maxUnsignedBytes, ${limitBytes} bytes, and this one the most`
    super(cleanDetails(details, { fields: ['limitBytes'], retryable: true, buildMessage }))
  }
}

/** Why there is no access token to work with; `unavailable`: the token function itself failed. */
export type AccessTokenProblem = 'missing' | 'rejected' | 'unavailable'

/**
 * The account's access token is missing, could not be asked for, or Meta rejected it (Graph codes 190, 0 and 102, or
 * HTTP 401).
 *
 * Retryable: unless missing. What to do: renew the token; a token function is asked again at once.
 */
export class AccessTokenError extends WhatsAppMediaError {
  readonly code = 'access-token'
  override readonly name = 'AccessTokenError'
  /** Why there is no token to work with. */
  declare readonly reason: AccessTokenProblem
  /** HTTP status of Meta's answer; only of `rejected`. */
  declare readonly status?: number | undefined
  /** Meta's error code; only of `rejected`. */
  declare readonly graphCode?: number | undefined

  constructor(
    details: { account?: string | undefined; problem?: string | undefined; cause?: unknown } & (
      | { reason: 'rejected'; status?: number | undefined; graphCode?: number | undefined }
      | { reason: 'missing' | 'unavailable'; status?: never; graphCode?: never }
    ),
  ) {
    const buildMessage = ({ reason, account, problem, graphCode }: typeof details): string => {
      const token = `access token${account === undefined ? '' : ` of account ${account}`}`
      const why = problem === undefined ? '' : `: ${problem}`
      if (reason === 'missing') return `The ${token} is missing${why}`
      if (reason === 'unavailable') return `The function that gives the ${token} failed${why}`
      return `Meta rejected the ${token}${graphCode === undefined ? '' : ` (Graph code ${graphCode})`}${why}`
    }
    super(
      cleanDetails(details, {
        fields: ['reason', 'status', 'graphCode'],
        retryable: details.reason !== 'missing',
        buildMessage,
      }),
    )
  }
}

/**
 * The phone number id belongs to no account that `accounts` knows. There is no default account.
 *
 * Retryable: no. What to do: add the account.
 */
export class UnknownNumberError extends WhatsAppMediaError {
  readonly code = 'unknown-number'
  override readonly name = 'UnknownNumberError'
  /** The number's id. One that may be a secret or a phone number shows as its length. */
  declare readonly phoneNumberId: string

  constructor(details: { phoneNumberId: string }) {
    const buildMessage = ({ phoneNumberId }: typeof details): string =>
      `No account is configured for phone number id ${quoteCleanId(phoneNumberId)}`
    super(cleanDetails(details, { fields: ['phoneNumberId'], retryable: false, buildMessage }))
  }
}

/** The codes of an error of the Graph API, besides its message. */
export interface GraphAnswerCodes {
  /** HTTP status. */
  status: number
  /** Meta's error code. */
  graphCode?: number | undefined
  /** Meta's error subcode. */
  subcode?: number | undefined
  /** Meta's trace id, for its support. */
  fbtraceId?: string | undefined
}

/**
 * The Graph API refused a call, other than for its token or because the media is gone.
 *
 * Retryable: by Meta's code. What to do: see `graphCode`, `retryAfterMs`.
 */
export class GraphApiError extends WhatsAppMediaError {
  readonly code = 'graph-api'
  override readonly name = 'GraphApiError'
  /** HTTP status. Rate limits come as 400: decide by `graphCode` first. */
  declare readonly status: number
  /** Meta's error code. */
  declare readonly graphCode?: number | undefined
  /** Meta's error subcode. */
  declare readonly subcode?: number | undefined
  /** Meta's trace id, for its support. */
  declare readonly fbtraceId?: string | undefined
  /** Milliseconds that Meta asked us to wait. */
  declare readonly retryAfterMs?: number | undefined

  constructor(
    details: GraphAnswerCodes & {
      retryable: boolean
      retryAfterMs?: number | undefined
      text?: string | undefined
      cause?: unknown
    },
  ) {
    const buildMessage = ({ status, graphCode, text }: typeof details): string => {
      const code = graphCode === undefined ? '' : `, Graph code ${graphCode}`
      return `The Graph API answered HTTP ${status}${code}${text === undefined || text === '' ? '' : `: ${text}`}`
    }
    super(
      cleanDetails(details, {
        fields: ['status', 'graphCode', 'subcode', 'fbtraceId', 'retryAfterMs'],
        retryable: details.retryable,
        buildMessage,
      }),
    )
  }
}

/**
 * The media id is unknown to Meta: expired (7 days; 1 hour for No-Storage numbers), deleted, or not this token's to
 * read. Or WhatsApp's CDN no longer has a Flow's encrypted file.
 *
 * Retryable: no. What to do: nothing; the sender can send again.
 */
export class MediaGoneError extends WhatsAppMediaError {
  readonly code = 'media-gone'
  override readonly name = 'MediaGoneError'
  /** The media's id. One that may be a secret or a phone number shows as its length. */
  declare readonly mediaId: string
  /** HTTP status of Meta's answer. */
  declare readonly status: number
  /** Meta's error code. */
  declare readonly graphCode?: number | undefined
  /** Meta's error subcode. */
  declare readonly subcode?: number | undefined
  /** Meta's trace id, for its support. */
  declare readonly fbtraceId?: string | undefined

  /** `host`: of an encrypted file, the host that no longer has it. */
  constructor(details: GraphAnswerCodes & { mediaId: string; host?: string | undefined }) {
    const buildMessage = ({ mediaId, host }: typeof details): string =>
      host === undefined
        ? `Media ${describeId(mediaId)} is gone or not readable with this token: expired, deleted, or of another business account`
        : `Media ${describeId(mediaId)} is gone from ${host}`
    super(
      cleanDetails(details, {
        fields: ['mediaId', 'status', 'graphCode', 'subcode', 'fbtraceId'],
        retryable: false,
        buildMessage,
      }),
    )
  }
}

/**
 * A look-up or download broke off, or a media host refused it. Media URLs expire after 5 minutes.
 *
 * Retryable: mostly. What to do: start again from the look-up.
 */
export class DownloadFailedError extends WhatsAppMediaError {
  readonly code = 'download-failed'
  override readonly name = 'DownloadFailedError'
  /** The host that was asked. A label that may be a secret shows as its length. */
  declare readonly host: string
  /** HTTP status, where there was an answer. */
  declare readonly status?: number | undefined
  /** Milliseconds that the host asked us to wait. */
  declare readonly retryAfterMs?: number | undefined

  constructor(details: {
    host: string
    problem: string
    /** Default true. */
    retryable?: boolean | undefined
    status?: number | undefined
    retryAfterMs?: number | undefined
    cause?: unknown
  }) {
    const buildMessage = ({ host, problem }: typeof details): string => `The request to ${host} failed: ${problem}`
    super(
      cleanDetails(details, {
        fields: ['host', 'status', 'retryAfterMs'],
        retryable: details.retryable ?? true,
        buildMessage,
      }),
    )
  }
}

/**
 * A URL leads to a host outside `cloudApi.mediaHosts` (of a Flow's encrypted file, `flowMediaHosts`), or is not plain
 * https. Nothing was sent there.
 *
 * Retryable: no. What to do: if Meta has a new host, add it.
 */
export class HostRefusedError extends WhatsAppMediaError {
  readonly code = 'host-refused'
  override readonly name = 'HostRefusedError'
  /** A label that may be a secret, such as a token in its place, shows as its length. */
  declare readonly host: string

  constructor(details: { host: string; problem: string }) {
    const buildMessage = ({ host, problem }: typeof details): string => `Refused to ask ${host}: ${problem}`
    super(cleanDetails(details, { fields: ['host'], retryable: false, buildMessage }))
  }
}

/**
 * The body is, or says it is, larger than `maxBytes`.
 *
 * Retryable: no. What to do: raise `maxBytes`.
 */
export class SizeLimitError extends WhatsAppMediaError {
  readonly code = 'size-limit'
  override readonly name = 'SizeLimitError'
  /** `maxBytes`. */
  declare readonly limitBytes: number
  /** The declared size, or the bytes seen when the limit was passed. */
  declare readonly bytes: number

  constructor(details: { limitBytes: number; bytes: number }) {
    const buildMessage = ({ limitBytes, bytes }: typeof details): string =>
      `The body has ${bytes} bytes or more; maxBytes is ${limitBytes}`
    super(cleanDetails(details, { fields: ['limitBytes', 'bytes'], retryable: false, buildMessage }))
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
  override readonly name = 'IntegrityMismatchError'
  /** Bytes. */
  declare readonly expectedSize?: number | undefined
  /** Bytes. */
  declare readonly observedSize?: number | undefined
  /** Lowercase hex. */
  declare readonly expectedSha256?: string | undefined
  /** Lowercase hex. */
  declare readonly observedSha256?: string | undefined

  constructor(details: {
    problem: string
    expectedSize?: number | undefined
    observedSize?: number | undefined
    expectedSha256?: string | undefined
    observedSha256?: string | undefined
    cause?: unknown
  }) {
    super(
      cleanDetails(details, {
        fields: ['expectedSize', 'observedSize', 'expectedSha256', 'observedSha256'],
        retryable: true,
        buildMessage: ({ problem }) => problem,
      }),
    )
  }
}

/**
 * The encrypted file of a Flow's endpoint does not open: its HMAC, its length, its padding or its plaintext is not what the
 * reference's keys and hashes say. The file itself is the announced one, so it would come again as it is. Nothing was
 * stored.
 *
 * Retryable: no. What to do: take the reference from the endpoint's request again; keys and file may not belong together.
 */
export class DecryptionFailedError extends WhatsAppMediaError {
  readonly code = 'decryption-failed'
  override readonly name = 'DecryptionFailedError'
  /** The media's id. One that may be a secret or a phone number shows as its length. */
  declare readonly mediaId: string

  constructor(details: { mediaId: string; problem: string }) {
    const buildMessage = ({ mediaId, problem }: typeof details): string =>
      `Media ${describeId(mediaId)} can't be decrypted: ${problem}`
    super(cleanDetails(details, { fields: ['mediaId'], retryable: false, buildMessage }))
  }
}

/**
 * The storage refused or lost a call.
 *
 * Retryable: by status. What to do: see `reason`, `status`, `retryAfterMs`, `bucket`, `region`.
 */
export class StorageFailedError extends WhatsAppMediaError {
  readonly code = 'storage-failed'
  override readonly name = 'StorageFailedError'
  /** The call that failed. */
  declare readonly operation: 'put' | 'head' | 'get' | 'delete' | 'list' | 'sign'
  /** The object's key; of `list`, the prefix. */
  declare readonly key: string
  /** HTTP status, where there was an answer. */
  declare readonly status?: number | undefined
  /** The storage's own name for the fault, such as `NoSuchBucket` or `ECONNRESET`. */
  declare readonly reason: string
  /** The bucket of a call that S3 refused; absent for faults that pass. */
  declare readonly bucket?: string | undefined
  /** The region that S3 names for the bucket, where it refuses another one. */
  declare readonly region?: string | undefined
  /** Milliseconds that the storage asked us to wait. */
  declare readonly retryAfterMs?: number | undefined

  constructor(details: {
    operation: StorageFailedError['operation']
    key: string
    reason: string
    retryable: boolean
    status?: number | undefined
    retryAfterMs?: number | undefined
    bucket?: string | undefined
    region?: string | undefined
    advice?: string | undefined
    cause?: unknown
  }) {
    const buildMessage = ({ operation, key, reason, status, bucket, region, advice }: typeof details): string => {
      const place = bucket === undefined ? '' : ` in bucket ${bucket}`
      const answer = status === undefined ? '' : ` (HTTP ${status})`
      const redirect = region === undefined ? '' : `. The store names ${region} as the bucket's region`
      const end = advice === undefined ? '' : `. ${advice}`
      return `The storage failed to ${operation} ${key}${place}: ${reason}${answer}${redirect}${end}`
    }
    super(
      cleanDetails(details, {
        fields: ['operation', 'key', 'status', 'reason', 'retryAfterMs', 'bucket', 'region'],
        ownName: 'bucket',
        retryable: details.retryable,
        buildMessage,
      }),
    )
  }
}

/**
 * The key already holds other bytes. They were not overwritten.
 *
 * Retryable: no. What to do: compare the object with the media; remove the wrong one.
 */
export class KeyConflictError extends WhatsAppMediaError {
  readonly code = 'key-conflict'
  override readonly name = 'KeyConflictError'
  /** The object's key. */
  declare readonly key: string
  /** Bytes of the new object. */
  declare readonly expectedSize: number
  /** Bytes of the object that is there. */
  declare readonly foundSize: number
  /** Lowercase hex. */
  declare readonly expectedSha256: string
  /** Lowercase hex. Absent where the storage recorded none. */
  declare readonly foundSha256?: string | undefined

  constructor(details: {
    key: string
    expectedSize: number
    foundSize: number
    expectedSha256: string
    foundSha256: string | undefined
  }) {
    const buildMessage = ({ key, expectedSize, expectedSha256, foundSize, foundSha256 }: typeof details): string =>
      `${key} holds other bytes: expected ${expectedSize} bytes with SHA-256 ${expectedSha256}, found ${foundSize} bytes with ${foundSha256 ?? 'no recorded hash'}`
    super(
      cleanDetails(details, {
        fields: ['key', 'expectedSize', 'foundSize', 'expectedSha256', 'foundSha256'],
        retryable: false,
        buildMessage,
      }),
    )
  }
}

/**
 * The key belongs to another account than the one that asks.
 *
 * Retryable: no. What to do: do not sign it.
 */
export class WrongAccountError extends WhatsAppMediaError {
  readonly code = 'wrong-account'
  override readonly name = 'WrongAccountError'
  /** The account that asked. */
  declare readonly accountId: string

  constructor(details: { accountId: string }) {
    const buildMessage = ({ accountId }: typeof details): string =>
      `The key does not belong to account ${quoteCleanId(accountId)}`
    super(cleanDetails(details, { fields: ['accountId'], retryable: false, buildMessage }))
  }
}

/** The option of an archive that holds a callback of your app. */
export type CallbackName = 'accounts' | 'storage' | 'prefix' | 'onArchived' | 'onFailed'

/** The options that hold a callback with a deadline: those of an archive, of an account and of a webhook handler. */
export type TimedCallbackName = CallbackName | 'accessToken' | 'onPayload' | 'onMedia'

/**
 * A callback of your app kept throwing, or did not end, until the media expired, or later.
 *
 * Retryable: yes. What to do: fix it, then enqueue the job again.
 */
export class CallbackFailedError extends WhatsAppMediaError {
  readonly code = 'callback-failed'
  override readonly name = 'CallbackFailedError'
  /** The option that holds the function. */
  declare readonly callback: CallbackName

  /**
   * `cause` is the thrown value. Where that is no error of this library, name and code alone are kept: its message may
   * quote the job.
   */
  constructor({ callback, cause }: { callback: CallbackName; cause: unknown }) {
    const details = { callback, cause: hasBrand(cause) ? cause : reduceToName(cause) }
    const buildMessage = (clean: typeof details): string =>
      `${clean.callback} failed, and there is no more time to call it again`
    super(cleanDetails(details, { fields: ['callback'], retryable: true, buildMessage }))
  }
}

/**
 * The queue takes no more jobs: it holds as many as it may, or it was closed.
 *
 * Retryable: yes. What to do: answer 500: Meta delivers again.
 */
export class QueueFullError extends WhatsAppMediaError {
  readonly code = 'queue-full'
  override readonly name = 'QueueFullError'
  /** `maxQueued`. */
  declare readonly limit: number

  constructor(details: { limit: number; problem: string }) {
    super(
      cleanDetails(details, {
        fields: ['limit'],
        retryable: true,
        buildMessage: ({ problem }) => `The queue ${problem}`,
      }),
    )
  }
}

/**
 * The service behind a queue (Redis or SQS, say) refused or lost a call, or did not answer in time.
 *
 * Retryable: by fault. What to do: answer 500, Meta delivers again; see `operation`, `reason`.
 */
export class QueueFailedError extends WhatsAppMediaError {
  readonly code = 'queue-failed'
  override readonly name = 'QueueFailedError'
  /**
   * The call that failed. `settle`: reporting how a job ended; `connect`: in the background; `list`, `redrive`,
   * `discard`: of dead letters.
   */
  declare readonly operation: 'enqueue' | 'receive' | 'settle' | 'connect' | 'list' | 'redrive' | 'discard'
  /** The service's own name for the fault, such as `AccessDenied` or `ECONNRESET`; `timeout` when no answer came. */
  declare readonly reason: string
  /** How many of the jobs are not in the queue; only of `enqueue`. */
  declare readonly failed?: number | undefined

  constructor(
    details: {
      operation: QueueFailedError['operation']
      reason: string
      retryable: boolean
      advice?: string | undefined
      cause?: unknown
    } & ({ failed: number; total: number } | { failed?: never; total?: never }),
  ) {
    const buildMessage = ({ operation, reason, failed, total, advice }: typeof details): string => {
      const jobs = failed === undefined ? '' : ` ${failed} of ${total} jobs`
      return `The queue failed to ${operation}${jobs}: ${reason}${advice === undefined ? '' : `. ${advice}`}`
    }
    super(
      cleanDetails(details, { fields: ['operation', 'reason', 'failed'], retryable: details.retryable, buildMessage }),
    )
  }
}

/**
 * Jobs are larger than a message of the queue may be: their captions or file names must be huge. The others are queued.
 *
 * Retryable: no. What to do: raise `maxBatchBytes`, or archive them directly.
 */
export class JobTooLargeError extends WhatsAppMediaError {
  readonly code = 'job-too-large'
  override readonly name = 'JobTooLargeError'
  /** How many jobs are too large. */
  declare readonly jobs: number
  /** Bytes of the largest. */
  declare readonly bytes: number
  /** The most that a message may have. */
  declare readonly limitBytes: number

  constructor(details: { jobs: number; bytes: number; limitBytes: number }) {
    const buildMessage = ({ jobs, bytes, limitBytes }: typeof details): string =>
      `${jobs} jobs are larger than a message may be, ${limitBytes} bytes; the largest has ${bytes}`
    super(cleanDetails(details, { fields: ['jobs', 'bytes', 'limitBytes'], retryable: false, buildMessage }))
  }
}

/**
 * A webhook announced something that can't be downloaded, now or later: `reason` says why.
 *
 * Retryable: no. What to do: tell the reader of the message.
 */
export class MediaUnavailableError extends WhatsAppMediaError {
  readonly code = 'media-unavailable'
  override readonly name = 'MediaUnavailableError'
  /** Meta's text, or this library's. */
  declare readonly reason: string
  /** Meta's error code. */
  declare readonly errorCode?: number | undefined

  constructor(details: { reason: string; errorCode?: number | undefined }) {
    const buildMessage = ({ reason, errorCode }: typeof details): string => {
      const code = errorCode === undefined ? '' : ` (Meta's code ${errorCode})`
      return `The media can't be downloaded: ${reason}${code}`
    }
    super(cleanDetails(details, { fields: ['reason', 'errorCode'], retryable: false, buildMessage }))
  }
}

/**
 * WhatsApp takes no file of this size as this kind of media. Nothing was sent.
 *
 * Retryable: no. What to do: see the way out in the message: make it smaller, or send it as a document.
 */
export class OutboundLimitError extends WhatsAppMediaError {
  readonly code = 'outbound-limit'
  override readonly name = 'OutboundLimitError'
  /** The kind of media that has the limit, such as `image`, `animated sticker` or `gif header`. */
  declare readonly kind: string
  /** The most that WhatsApp takes. */
  declare readonly limitBytes: number
  /** Bytes of the file; of a stream of unknown size, those seen when the limit was passed. */
  declare readonly bytes: number

  constructor(details: { kind: string; limitBytes: number; bytes: number; wayOut: string }) {
    const buildMessage = ({ kind, limitBytes, bytes, wayOut }: typeof details): string =>
      `WhatsApp's limit for the media type ${kind} is ${limitBytes} bytes, got ${bytes} or more; ${wayOut}`
    super(cleanDetails(details, { fields: ['kind', 'limitBytes', 'bytes'], retryable: false, buildMessage }))
  }
}

/**
 * WhatsApp takes no file of this MIME type or form as this kind of media. Nothing was sent.
 *
 * Retryable: no. What to do: see the way out in the message: convert it, or send it as another kind.
 */
export class OutboundTypeError extends WhatsAppMediaError {
  readonly code = 'outbound-type'
  override readonly name = 'OutboundTypeError'
  /** The kind of media that it was to be, such as `image` or `document header`. */
  declare readonly kind: string
  /** The MIME type. One that may be a secret shows as its length. */
  declare readonly mimeType: string

  /** `problem`: what is wrong with a file of a type that is right. */
  constructor(details: { kind: string; mimeType: string; wayOut: string; problem?: string | undefined }) {
    const buildMessage = ({ kind, mimeType, wayOut, problem }: typeof details): string =>
      `WhatsApp takes no ${mimeType} as ${kind}${problem === undefined ? '' : `: ${problem}`}; ${wayOut}`
    super(cleanDetails(details, { fields: ['kind', 'mimeType'], retryable: false, buildMessage }))
  }
}

/**
 * An upload failed in a way that may pass, and its stream was read: it can't be sent again.
 *
 * Retryable: no. What to do: open the stream again, and call again; or give a storage's key, bytes or a Blob, which are
 * sent again by themselves. `cause` is the failure.
 */
export class StreamSpentError extends WhatsAppMediaError {
  readonly code = 'stream-spent'
  override readonly name = 'StreamSpentError'

  constructor(details: { cause: unknown }) {
    const buildMessage = (): string =>
      'The upload failed, and its stream can be read only once: open it again, or give a key, bytes or a Blob'
    super(cleanDetails(details, { fields: [], retryable: false, buildMessage }))
  }
}

/**
 * The place where media ids are remembered (a directory or Redis, say) refused or lost a call, or did not answer in time.
 *
 * Retryable: yes. What to do: mend what `reason` names; meanwhile files are uploaded as if they were not known.
 */
export class MediaIdsFailedError extends WhatsAppMediaError {
  readonly code = 'media-ids-failed'
  override readonly name = 'MediaIdsFailedError'
  /** The function of the cache that failed. */
  declare readonly operation: 'get' | 'set' | 'delete'
  /** The fault's own name, such as `ENOSPC` or `ECONNREFUSED`; `timeout` when no answer came, `invalid` for one of another form. */
  declare readonly reason: string

  constructor(details: { operation: MediaIdsFailedError['operation']; reason: string; cause?: unknown }) {
    super(
      cleanDetails(details, {
        fields: ['operation', 'reason'],
        retryable: true,
        buildMessage: ({ operation, reason }) => `The cache of media ids failed to ${operation} an id: ${reason}`,
      }),
    )
  }
}

/**
 * A call of the way out brought no usable answer from the Graph API: the connection failed or broke, or the answer was
 * none of Meta's.
 *
 * Retryable: yes. What to do: try again.
 */
export class GraphUnreachableError extends WhatsAppMediaError {
  readonly code = 'graph-unreachable'
  override readonly name = 'GraphUnreachableError'
  /** The host that was asked. A label that may be a secret shows as its length. */
  declare readonly host: string

  constructor(details: { host: string; problem: string; cause?: unknown }) {
    const buildMessage = ({ host, problem }: typeof details): string => `The call to ${host} failed: ${problem}`
    super(cleanDetails(details, { fields: ['host'], retryable: true, buildMessage }))
  }
}

/**
 * A message was handed to Meta, and no usable answer came back: it may be sent, or not. It was not sent again, because
 * the recipient would get it twice.
 *
 * Retryable: no. What to do: wait for its status, which a `callbackData` of your own tells apart; send again only what
 * may come twice. `cause` is the failure.
 */
export class SendOutcomeUnknownError extends WhatsAppMediaError {
  readonly code = 'send-outcome-unknown'
  override readonly name = 'SendOutcomeUnknownError'
  /** Meta's id of the business phone number that sends. One that may be a secret or a phone number shows as its length. */
  declare readonly phoneNumberId: string
  /** The media's id, as `phoneNumberId`. Absent where the message has a link. */
  declare readonly mediaId?: string | undefined

  constructor(details: { phoneNumberId: string; mediaId?: string | undefined; cause: unknown }) {
    const buildMessage = (): string =>
      'The message may be sent or not: Meta got it, and its answer did not come. It was not sent again; its status will tell'
    super(cleanDetails(details, { fields: ['phoneNumberId', 'mediaId'], retryable: false, buildMessage }))
  }
}

/** The messages of all deadlines but a callback's. */
const WAITS: Readonly<Record<Exclude<TimeoutError['waitedFor'], 'callback'>, string>> = {
  headers: 'No answer came',
  source: 'The source sent nothing',
  store: 'The store took nothing',
  total: 'The transfer did not end',
  body: "The webhook's body did not end",
  idle: 'The archive was not idle',
}

/**
 * One of the deadlines passed: see `timeouts`; for a webhook's body, `bodyTimeoutMs`; for a callback of your app,
 * `callbackTimeoutMs`; for `archive.idle`, its own `timeoutMs`.
 *
 * Retryable: yes. What to do: try again, or raise the option.
 */
export class TimeoutError extends WhatsAppMediaError {
  readonly code = 'timeout'
  override readonly name = 'TimeoutError'
  /**
   * The part that did not come in time: an answer's headers, the source's next bytes, the store, the end of the whole
   * transfer, of a webhook's body, or of a callback of your app; or the end of an archive's work.
   */
  declare readonly waitedFor: 'headers' | 'source' | 'store' | 'total' | 'body' | 'callback' | 'idle'
  /** Milliseconds. */
  declare readonly limitMs: number
  /** The option that holds the function; only of `callback`, and always there. */
  declare readonly callback?: TimedCallbackName | undefined

  /** `work`, only of `idle`: the work that is left, in words. `cause`: why a job of it waits. */
  constructor(
    details: { limitMs: number } & (
      | { waitedFor: 'callback'; callback: TimedCallbackName; work?: never }
      | { waitedFor: 'idle'; work: string; cause?: unknown; callback?: never }
      | { waitedFor: Exclude<TimeoutError['waitedFor'], 'callback' | 'idle'>; callback?: never; work?: never }
    ),
  ) {
    const buildMessage = (clean: typeof details): string => {
      const what = clean.waitedFor === 'callback' ? `${clean.callback} did not end` : WAITS[clean.waitedFor]
      const work = clean.work === undefined ? '' : `: ${clean.work}`
      return `${what} within ${clean.limitMs} ms${work}`
    }
    super(cleanDetails(details, { fields: ['waitedFor', 'limitMs', 'callback'], retryable: true, buildMessage }))
  }
}

/** Any error of this library; `switch (error.code)` narrows it. */
export type AnyWhatsAppMediaError =
  | InvalidOptionError
  | InvalidSignatureError
  | PayloadTooLargeError
  | MemoryLimitError
  | AccessTokenError
  | UnknownNumberError
  | GraphApiError
  | MediaGoneError
  | DownloadFailedError
  | HostRefusedError
  | SizeLimitError
  | IntegrityMismatchError
  | DecryptionFailedError
  | StorageFailedError
  | KeyConflictError
  | WrongAccountError
  | CallbackFailedError
  | QueueFullError
  | QueueFailedError
  | JobTooLargeError
  | MediaUnavailableError
  | OutboundLimitError
  | OutboundTypeError
  | StreamSpentError
  | MediaIdsFailedError
  | GraphUnreachableError
  | SendOutcomeUnknownError
  | TimeoutError

/** Every `code` there is. */
export type ErrorCode = AnyWhatsAppMediaError['code']
