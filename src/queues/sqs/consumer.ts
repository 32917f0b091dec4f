import { describeValue } from '../../errors/describe.js'
import { type AnyWhatsAppMediaError, InvalidOptionError } from '../../errors.js'
import type { ProcessJob } from '../../queues.js'
import { decideBackoffSeconds } from '../../timing/backoff.js'
import { createRunMessage, type Verdict } from './attempt.js'
import { checkQueueUrl, checkWhole, connectSqs, type SqsConnectionOptions } from './connection.js'
import { ATTEMPTS_ATTRIBUTE, countOf, type SqsMessage } from './message.js'
import { createSqsPoller, type HideMessage } from './poller.js'

export type SqsConsumerOptions = SqsConnectionOptions & {
  /** Runs one attempt: `archive.processJob`. */
  processJob: ProcessJob
  /**
   * Where dead letters go: each one the job as it was enqueued, its reason in the attributes `errorCode` and
   * `errorMessage`, never with a token or a download URL. Moved back into the queue, it is tried anew.
   *
   * Without it a dead letter is deleted once `onFailed` was told; one of which nobody could be told (`onFailed` itself
   * failed, or the message holds no job) stays in the queue, comes again up to every hour, and `onError` hears of it.
   */
  deadLetterQueueUrl?: string
  /** Messages worked on at once. Default 10. */
  concurrency?: number
  /**
   * How long before the function's end its transfers are stopped, in milliseconds, so that it can report what is left.
   * Default 6,000, at most half of the time it has. A third of it is what each call to settle a message may take.
   */
  marginMs?: number
  /**
   * How long a message stays hidden without a sign of life of its worker, in seconds: what a killed worker had is taken
   * up by another after that. Default 60. For `start()` only: in Lambda, the queue's own setting counts.
   */
  visibilitySeconds?: number
  /** Hears what SQS refused or lost: for logs. Nothing is lost by it, messages come again. What it throws is ignored. */
  onError?: (error: AnyWhatsAppMediaError) => unknown
}

/** What Lambda gets from its event source, as far as it matters here (AWS: Using Lambda with Amazon SQS). */
export interface SqsLambdaEvent {
  Records: readonly SqsLambdaRecord[]
}

export interface SqsLambdaRecord {
  messageId: string
  receiptHandle: string
  body: string
  attributes: { ApproximateReceiveCount: string }
  messageAttributes?: Readonly<Record<string, { stringValue?: string | undefined } | undefined>>
}

export interface SqsLambdaContext {
  getRemainingTimeInMillis(): number
}

/** The messages that Lambda must not delete (AWS: Reporting batch item failures). */
export interface SqsBatchResult {
  batchItemFailures: { itemIdentifier: string }[]
}

export interface SqsConsumer {
  /** The Lambda function. Its event source needs `ReportBatchItemFailures`. Needs no `start()`. */
  handler(event: SqsLambdaEvent, context: SqsLambdaContext): Promise<SqsBatchResult>
  /** On a server: fetches messages by long polls and works them off, until `close()`. */
  start(): void
  /**
   * Fetches no more, works off what it has (for `timeoutMs` at most, default 20,000), and makes the rest visible to other
   * workers at once. Close the archive after it.
   */
  close(options?: { timeoutMs?: number }): Promise<void>
}

/**
 * SQS keeps a message from its other readers for 12 hours at most, counted from when it was handed out (AWS:
 * Visibility timeout); an hour of that may have passed.
 */
const LONGEST_WAIT_SECONDS = 39_600

/**
 * Works off the jobs of a queue that `createSqsQueue` fills: as a Lambda function (`handler`), or in a process of your
 * own (`start()`). One attempt a message; a message whose job has to wait becomes visible again when its time has come, 11
 * hours later at most. What SQS calls a failure is no failure here: give the queue's redrive policy the highest
 * `maxReceiveCount` (1,000), for media is tried again over 7 days, and a retention of 14 days.
 *
 * The AWS SDK (`@aws-sdk/client-sqs`) is your own copy, loaded at the first call.
 *
 * @throws InvalidOptionError for options of the wrong form.
 */
export function createSqsConsumer(options: SqsConsumerOptions): SqsConsumer {
  const { queueUrl, deadLetterQueueUrl, processJob, onError } = options
  const { concurrency = 10, marginMs = 6_000, visibilitySeconds = 60 } = options
  checkConsumer(options)
  checkWhole('concurrency', concurrency, [1, 10_000])
  checkWhole('marginMs', marginMs, [3, 600_000])
  checkWhole('visibilitySeconds', visibilitySeconds, [1, LONGEST_WAIT_SECONDS])
  const connection = connectSqs(options)
  const limitMs = Math.round(marginMs / 3)

  const tell = (error: AnyWhatsAppMediaError): void => {
    try {
      // An async logger fits the type, too, and its rejection would end the process.
      Promise.resolve(onError?.(error)).catch(() => {})
    } catch {
      // The caller's logger failed; the messages still matter more.
    }
  }
  const runMessage = createRunMessage({ connection, queueUrl, deadLetterQueueUrl, processJob, onError: tell, limitMs })

  const hide: HideMessage = async ({ receiptHandle }, { seconds, limitMs: within }) => {
    const change = {
      QueueUrl: queueUrl,
      ReceiptHandle: receiptHandle,
      VisibilityTimeout: Math.min(seconds, LONGEST_WAIT_SECONDS),
    }
    const { error } = await connection.call({ operation: 'settle', limitMs: within }, (client, sdk, sendOptions) =>
      client.send(new sdk.ChangeMessageVisibilityCommand(change), sendOptions),
    )
    if (error !== undefined) tell(error)
  }

  const runRecord = async (
    message: SqsMessage,
    { endsAt, margin }: { endsAt: number; margin: number },
  ): Promise<Verdict> => {
    const deadline = new Date(endsAt - margin)
    // Not begun, so not tried: another function may have it at once.
    if (Date.now() >= deadline.getTime()) return { afterSeconds: 0 }
    const run = runMessage(message, { deadline })
    // Not all that runs in an attempt heeds the deadline: `onArchived` is the owner's.
    const late: Verdict = { afterSeconds: decideBackoffSeconds(message.receiveCount) }
    let timer: NodeJS.Timeout | undefined
    const stuck = new Promise<Verdict>((resolve) => {
      timer = setTimeout(resolve, endsAt - (margin * 2) / 3 - Date.now(), late)
    })
    return Promise.race([run, stuck]).finally(() => clearTimeout(timer))
  }

  const poller = createSqsPoller({
    connection,
    queueUrl,
    runMessage,
    hide,
    tell,
    concurrency,
    visibilitySeconds,
    limitMs,
  })

  return {
    async handler(event, context) {
      const remaining = context.getRemainingTimeInMillis()
      const time = { endsAt: Date.now() + remaining, margin: Math.min(marginMs, remaining / 2) }
      const waiting = event.Records.map((record) => ({ record, message: messageOf(record) }))
      const failed = new Set<SqsLambdaRecord>()
      const runNext = async (): Promise<void> => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const { record, message } = next
          const verdict = await runRecord(message, time)
          if (verdict === 'delete') continue
          failed.add(record)
          // The report must leave in time, and SQS may hang: what is not made visible comes when its visibility ends.
          const slack = time.endsAt - Date.now() - time.margin / 3
          if (slack > 0) await hide(message, { seconds: verdict.afterSeconds, limitMs: Math.min(limitMs, slack) })
        }
      }
      await Promise.all(Array.from({ length: concurrency }, runNext))
      const failures = event.Records.filter((record) => failed.has(record))
      return { batchItemFailures: failures.map(({ messageId }) => ({ itemIdentifier: messageId })) }
    },
    start: () => poller.start(),
    async close(closeOptions = {}) {
      await poller.close(closeOptions)
      await connection.close()
    },
  }
}

function checkConsumer({ processJob, deadLetterQueueUrl, onError }: SqsConsumerOptions): void {
  for (const [option, value] of Object.entries({ processJob, onError })) {
    const isMissing = value === undefined && option !== 'processJob'
    if (typeof value !== 'function' && !isMissing) {
      throw new InvalidOptionError({ option, problem: `must be a function, got ${describeValue(value)}` })
    }
  }
  if (deadLetterQueueUrl !== undefined) checkQueueUrl('deadLetterQueueUrl', deadLetterQueueUrl)
}

function messageOf({ receiptHandle, body, attributes, messageAttributes }: SqsLambdaRecord): SqsMessage {
  const { stringValue } = messageAttributes?.[ATTEMPTS_ATTRIBUTE] ?? {}
  return {
    receiptHandle,
    body,
    receiveCount: countOf(attributes.ApproximateReceiveCount),
    attempts: countOf(stringValue),
  }
}
