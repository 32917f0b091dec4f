import { checkOptions, type OptionNames } from '../../errors/check-options.js'
import { checkFunction, checkWhole } from '../../errors/checks.js'
import type { AnyWhatsAppMediaError } from '../../errors.js'
import { callLogger } from '../../events.js'
import type { ProcessJob } from '../../queues.js'
import { checkQueueUrl, connectSqs, SQS_CONNECTION_OPTIONS, type SqsConnectionOptions } from './connection.js'
import { createLambdaHandler, type SqsBatchResult, type SqsLambdaContext, type SqsLambdaEvent } from './lambda.js'
import { createSqsPoller } from './poller.js'
import { createRunMessage } from './run-message.js'
import { createMessageSettler, LONGEST_HIDDEN_SECONDS } from './settle.js'

/** Options of `createSqsConsumer`. */
export type SqsConsumerOptions = SqsConnectionOptions & SqsWorkingOptions

/** How messages are worked off. */
export interface SqsWorkingOptions {
  /** Runs one attempt: `archive.processJob`. */
  processJob: ProcessJob
  /**
   * The queue for dead letters: each one the job as it was enqueued, its reason in the attributes `errorCode` and
   * `errorMessage`, never with a token or a download URL. Moved back into the queue, it is tried anew.
   *
   * Without it a dead letter is deleted once `onFailed` has it; one that could not be reported (`onFailed` itself failed,
   * or the message holds no job) stays in the queue, comes again up to every hour, and `onError` gets it.
   */
  deadLetterQueueUrl?: string | undefined
  /** Messages worked on at once. Default 10. */
  concurrency?: number | undefined
  /**
   * Transfers are stopped so long before the function's end, in milliseconds, so that it can report the unfinished
   * jobs. Default 6,000, at most half of the time it has. Each call to settle a message may take a third of it.
   */
  marginMs?: number | undefined
  /**
   * A message stays hidden so long without a sign of life of its worker, in seconds: the messages of a killed worker are
   * taken up by another after that. Default 60. For `start()` only: in Lambda, the queue's own setting counts.
   */
  visibilitySeconds?: number | undefined
  /**
   * Gets failed calls to SQS, for logs. Nothing is lost by them: messages come again. Errors that it throws are
   * ignored.
   */
  onError?: ((error: AnyWhatsAppMediaError) => unknown) | undefined
}

const SQS_CONSUMER_OPTIONS: OptionNames<SqsConsumerOptions> = {
  ...SQS_CONNECTION_OPTIONS,
  ...{ processJob: true, deadLetterQueueUrl: true, concurrency: true, marginMs: true, visibilitySeconds: true },
  onError: true,
}

/** Works off the jobs of a queue on Amazon SQS. */
export interface SqsConsumer {
  /** The Lambda function. Its event source needs `ReportBatchItemFailures`. Needs no `start()`. */
  handler(event: SqsLambdaEvent, context: SqsLambdaContext): Promise<SqsBatchResult>
  /** On a server: fetches messages by long polls and works them off, until `close()`. */
  start(): void
  /**
   * Fetches no more, finishes the messages it has (for `timeoutMs` milliseconds at most, default 20,000), and makes the
   * rest visible to other workers at once. Close the archive after it.
   */
  close(options?: {
    /** Milliseconds until jobs under way are stopped; default without end. */
    timeoutMs?: number | undefined
  }): Promise<void>
}

/**
 * Works off the jobs of a queue that `createSqsQueue` fills: as a Lambda function (`handler`), or in a process of your
 * own (`start()`). One attempt a message; a message whose job has to wait becomes visible again when its time has come, 11
 * hours later at most. SQS counts waits as failures: give the queue's redrive policy the highest
 * `maxReceiveCount` (1,000), for media is tried again over 7 days, and a retention of 14 days.
 *
 * The AWS SDK (`@aws-sdk/client-sqs`) is your own copy, loaded at the first call.
 *
 * @throws InvalidOptionError for options of the wrong form.
 */
export function createSqsConsumer(options: SqsConsumerOptions): SqsConsumer {
  checkOptions(options, SQS_CONSUMER_OPTIONS)
  const { queueUrl, deadLetterQueueUrl, processJob, onError } = options
  const { concurrency = 10, marginMs = 6_000, visibilitySeconds = 60 } = options
  checkFunction('processJob', processJob)
  if (onError !== undefined) checkFunction('onError', onError)
  if (deadLetterQueueUrl !== undefined) checkQueueUrl('deadLetterQueueUrl', deadLetterQueueUrl)
  checkWhole('concurrency', concurrency, { most: 10_000 })
  checkWhole('marginMs', marginMs, { least: 3, most: 600_000 })
  checkWhole('visibilitySeconds', visibilitySeconds, { most: LONGEST_HIDDEN_SECONDS })
  const limitMs = Math.round(marginMs / 3)

  const report = (error: AnyWhatsAppMediaError): void => callLogger(onError, error)
  const connection = connectSqs(options)
  const work = { connection, queueUrl, deadLetterQueueUrl, processJob, report, limitMs }
  const shared = { runMessage: createRunMessage(work), settler: createMessageSettler(work), concurrency, limitMs }
  const poller = createSqsPoller({ ...shared, connection, queueUrl, report, visibilitySeconds })
  return {
    handler: createLambdaHandler({ ...shared, marginMs }),
    start: poller.start,
    async close(closeOptions) {
      await poller.close(closeOptions)
      await connection.close()
    },
  }
}
