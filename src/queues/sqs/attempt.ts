import { describeSecret } from '../../errors/describe.js'
import { type AnyWhatsAppMediaError, InvalidOptionError, type QueueFailedError } from '../../errors.js'
import type { JobContext, JobOutcome, MediaJob, ProcessJob } from '../../queues.js'
import { decideBackoffSeconds } from '../../timing/backoff.js'
import type { SqsConnection } from './connection.js'
import { ATTEMPTS_ATTRIBUTE, readJob, type SqsMessage, secretsOf, toBody, toLetter } from './message.js'
import { MOST_MESSAGE_BYTES, type OutgoingMessage, sendMessages } from './send.js'

/** What has to become of a message: deleted, or seen again after some seconds. */
export type Verdict = 'delete' | { afterSeconds: number }

/** Runs one attempt of a message's job. Never rejects. */
export type RunMessage = (message: SqsMessage, context: Omit<JobContext, 'attempt'>) => Promise<Verdict>

interface Surroundings {
  connection: SqsConnection
  queueUrl: string
  deadLetterQueueUrl: string | undefined
  processJob: ProcessJob
  onError: (error: AnyWhatsAppMediaError) => void
  /** Milliseconds that sending one message may take. */
  limitMs: number
}

/** AWS: SendMessage. */
const LONGEST_DELAY_SECONDS = 900

export function createRunMessage(surroundings: Surroundings): RunMessage {
  const { connection, queueUrl, deadLetterQueueUrl, processJob, onError, limitMs } = surroundings

  /** Whether the message is in the queue. */
  const send = async (url: string, message: OutgoingMessage): Promise<boolean> => {
    // What came out of a queue goes into another like it.
    const plan = { queueUrl: url, maxBatchBytes: MOST_MESSAGE_BYTES, timeoutMs: limitMs }
    return sendMessages(connection, [message], plan).then(
      () => true,
      (error: QueueFailedError) => {
        onError(error)
        return false
      },
    )
  }

  /** Neither a job nor a count of attempts can be changed in its message: another takes its place. */
  const replace = async (
    job: MediaJob,
    { afterSeconds, attempts }: { afterSeconds: number; attempts: number },
  ): Promise<Verdict> => {
    const isSent = await send(queueUrl, {
      body: toBody(job),
      secrets: secretsOf(job),
      attributes: { [ATTEMPTS_ATTRIBUTE]: String(attempts) },
      delaySeconds: Math.min(afterSeconds, LONGEST_DELAY_SECONDS),
    })
    return isSent ? 'delete' : { afterSeconds }
  }

  const putAway = async (
    letter: OutgoingMessage & { error: AnyWhatsAppMediaError },
    attempt: number,
  ): Promise<Verdict> => {
    const { error, ...message } = letter
    const stays: Verdict = { afterSeconds: decideBackoffSeconds(attempt) }
    const isTold = wasTold(error)
    if (!isTold) onError(error)
    if (deadLetterQueueUrl === undefined) return isTold ? 'delete' : stays
    const attributes = { errorCode: error.code, errorMessage: asAttribute(error.message) }
    return (await send(deadLetterQueueUrl, { ...message, attributes })) ? 'delete' : stays
  }

  return async (message, context) => {
    const attempt = message.attempts + message.receiveCount
    const job = readJob(message.body)
    if (job === undefined) {
      const error = new InvalidOptionError({
        option: 'message',
        problem: `must be a job as JSON, got ${describeSecret(message.body)}`,
      })
      return putAway({ body: message.body, error }, attempt)
    }
    const running = (async () => processJob(job, { ...context, attempt }))()
    const outcome = await running.catch((error: unknown): JobOutcome => {
      // A processor must not reject; one that does anyway must not lose its job, nor end the process.
      return { outcome: 'retry', afterSeconds: decideBackoffSeconds(attempt), until: '', isAttempt: true, job, error }
    })
    if (outcome.outcome === 'done') return 'delete'
    if (outcome.outcome === 'dead-letter') {
      const { job: letter, error } = outcome
      return putAway({ body: toLetter(letter), secrets: secretsOf(letter), error }, attempt)
    }
    const { afterSeconds, isAttempt, job: kept } = outcome
    // SQS counts each time that it hands a message out.
    if (isAttempt && toBody(kept) === toBody(job)) return { afterSeconds }
    return replace(kept, { afterSeconds, attempts: isAttempt ? attempt : attempt - 1 })
  }
}

/** Whether `onFailed` knows. It may not where `onFailed` itself failed, or where the job says too little to tell of. */
function wasTold(error: AnyWhatsAppMediaError): boolean {
  if (error.code === 'callback-failed') return error.callback !== 'onFailed'
  return error.code !== 'invalid-option'
}

/** Attributes are never empty, and hold no control characters (AWS: SendMessage). */
function asAttribute(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what SQS refuses
  return text.slice(0, 1_024).replace(/[\u0000-\u001f\ud800-\udfff\uFFFE\uFFFF]/g, ' ')
}
