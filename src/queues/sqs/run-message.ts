import { describeSecret } from '../../errors/describe.js'
import { type AnyWhatsAppMediaError, InvalidOptionError, type QueueFailedError } from '../../errors.js'
import type { JobContext, MediaJob, ProcessJob } from '../../queues.js'
import { decideBackoffSeconds } from '../../timing/backoff.js'
import { removeJobAccess, retryRejected } from '../stored-job.js'
import type { SqsConnection } from './connection.js'
import { ATTEMPTS_ATTRIBUTE, findSecrets, parseBody, type SqsMessage, toBody } from './message.js'
import { MOST_MESSAGE_BYTES, type OutgoingMessage, sendMessages } from './send.js'

/** The next step for a message that was received. */
export type MessageFate = { fate: 'delete' } | { fate: 'show-again'; afterSeconds: number }

const DELETE: MessageFate = { fate: 'delete' }

export function showAgain(afterSeconds: number): MessageFate {
  return { fate: 'show-again', afterSeconds }
}

/** Runs one attempt of a message's job. Never rejects. */
export type RunMessage = (message: SqsMessage, context: Omit<JobContext, 'attempt'>) => Promise<MessageFate>

export interface RunMessageOptions {
  connection: SqsConnection
  queueUrl: string
  deadLetterQueueUrl: string | undefined
  processJob: ProcessJob
  report: (error: AnyWhatsAppMediaError) => void
  /** Milliseconds that sending one message may take. */
  limitMs: number
}

/** AWS: SendMessage. */
const LONGEST_SQS_DELAY_SECONDS = 900

export function createRunMessage(options: RunMessageOptions): RunMessage {
  const { processJob } = options
  return async (message, context) => {
    const attempt = message.attempts + message.receiveCount
    const job = parseBody(message.body)
    if (job === undefined) {
      const problem = `must be a job as JSON, got ${describeSecret(message.body)}`
      const error = new InvalidOptionError({ option: 'message', problem })
      return buryMessage({ body: message.body, error, attempt }, options)
    }
    const running = (async () => processJob(job, { ...context, attempt }))()
    const outcome = await running.catch((error: unknown) =>
      retryRejected(job, { error, afterSeconds: decideBackoffSeconds(attempt) }),
    )
    if (outcome.outcome === 'done') return DELETE
    if (outcome.outcome === 'dead-letter') {
      const body = toBody(removeJobAccess(outcome.job))
      return buryMessage({ body, secrets: findSecrets(outcome.job), error: outcome.error, attempt }, options)
    }
    const { isAttempt, job: kept } = outcome
    const afterSeconds = Math.ceil(outcome.afterSeconds)
    // SQS itself counts how often it hands a message out.
    if (isAttempt && mayStay(job, { kept, afterSeconds, deadline: context.deadline })) return showAgain(afterSeconds)
    return replaceMessage(kept, { afterSeconds, attempts: isAttempt ? attempt : attempt - 1, ...options })
  }
}

/**
 * Whether a message says enough as it is. Another one can not wait for long, and takes time that a function with a
 * deadline no longer has, which its count alone is not worth.
 */
function mayStay(
  job: MediaJob,
  { kept, afterSeconds, deadline }: { kept: MediaJob; afterSeconds: number; deadline: Date | undefined },
): boolean {
  if (deadline === undefined && afterSeconds <= LONGEST_SQS_DELAY_SECONDS) return toBody(kept) === toBody(job)
  return toBody({ ...kept, counted: undefined }) === toBody({ ...job, counted: undefined })
}

/** Neither a job nor a count of attempts can be changed in its message: another takes its place. */
async function replaceMessage(
  job: MediaJob,
  options: RunMessageOptions & { afterSeconds: number; attempts: number },
): Promise<MessageFate> {
  const { afterSeconds, attempts, queueUrl } = options
  const message: OutgoingMessage = {
    body: toBody(job),
    secrets: findSecrets(job),
    attributes: { [ATTEMPTS_ATTRIBUTE]: String(attempts) },
    delaySeconds: Math.min(afterSeconds, LONGEST_SQS_DELAY_SECONDS),
  }
  return (await trySend(message, { ...options, queueUrl })) ? DELETE : showAgain(afterSeconds)
}

interface SqsDeadLetter {
  body: string
  secrets?: readonly string[] | undefined
  error: AnyWhatsAppMediaError
  attempt: number
}

async function buryMessage(letter: SqsDeadLetter, options: RunMessageOptions): Promise<MessageFate> {
  const { error, attempt, ...message } = letter
  const { deadLetterQueueUrl: queueUrl, report } = options
  const stays = showAgain(decideBackoffSeconds(attempt))
  const isReported = isReportedToApp(error)
  if (!isReported) report(error)
  if (queueUrl === undefined) return isReported ? DELETE : stays
  const attributes = { errorCode: error.code, errorMessage: toAttribute(error.message) }
  return (await trySend({ ...message, attributes }, { ...options, queueUrl })) ? DELETE : stays
}

/** @returns whether the message is in the queue. */
function trySend(
  message: OutgoingMessage,
  { connection, queueUrl, limitMs, report }: RunMessageOptions,
): Promise<boolean> {
  // A message that came out of a queue fits into another like it.
  const plan = { queueUrl, maxBatchBytes: MOST_MESSAGE_BYTES, timeoutMs: limitMs }
  return sendMessages(connection, [message], plan).then(
    () => true,
    (error: QueueFailedError) => {
      report(error)
      return false
    },
  )
}

/** `onFailed` has not heard of an error where it failed itself, or where the job says too little to report. */
function isReportedToApp(error: AnyWhatsAppMediaError): boolean {
  if (error.code === 'callback-failed') return error.callback !== 'onFailed'
  return error.code !== 'invalid-option'
}

/** Attributes are never empty, and hold no control characters (AWS: SendMessage). */
function toAttribute(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: SQS refuses these
  return text.slice(0, 1_024).replace(/[\u0000-\u001f\ud800-\udfff\uFFFE\uFFFF]/g, ' ')
}
