import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkWhole } from '../errors/checks.js'
import { JobTooLargeError, QueueFailedError } from '../errors.js'
import type { MediaQueue } from '../queues.js'
import { MAX_TIMER_MS } from '../timing/abort.js'
import { checkClosing } from '../timing/closing.js'
import { connectSqs, SQS_CONNECTION_OPTIONS, type SqsConnectionOptions } from './sqs/connection.js'
import { findSecrets, toBody } from './sqs/message.js'
import { countBytes, MOST_MESSAGE_BYTES, type OutgoingMessage, sendMessages } from './sqs/send.js'
import { buildJobId, checkJobs, removeJobUrl } from './stored-job.js'

export type { SqsClientOptions, SqsConnectionOptions, SqsServerOptions } from './sqs/connection.js'
export { createSqsConsumer, type SqsConsumer, type SqsConsumerOptions, type SqsWorkingOptions } from './sqs/consumer.js'
export type { SqsBatchResult, SqsLambdaContext, SqsLambdaEvent, SqsLambdaRecord } from './sqs/lambda.js'

/** Options of `createSqsQueue`. */
export type SqsQueueOptions = SqsConnectionOptions & SqsSendingOptions

/** How jobs are sent. */
export interface SqsSendingOptions {
  /**
   * Largest batch of messages, and so the largest message, in bytes. Default 262,144, which every queue takes; a queue
   * whose `MaximumMessageSize` was raised takes up to 1,048,576 (AWS: Message quotas).
   */
  maxBatchBytes?: number | undefined
  /** Time limit of `enqueue` as a whole, in milliseconds. Default 10,000: the webhook's sender waits. */
  timeoutMs?: number | undefined
}

const SQS_QUEUE_OPTIONS: OptionNames<SqsQueueOptions> = {
  ...SQS_CONNECTION_OPTIONS,
  ...{ maxBatchBytes: true, timeoutMs: true },
}

/**
 * A queue on Amazon SQS: a standard queue, one message a job, sent in batches. `enqueue` resolves when SQS has all of
 * them on several servers. `createSqsConsumer` works them off, in Lambda functions or on servers of your own.
 *
 * The same job may be in the queue several times, for standard queues know no duplicates: it is archived once all the
 * same.
 *
 * The AWS SDK (`@aws-sdk/client-sqs`) is your own copy, loaded at the first call. `close()` ends the connections of a
 * client made here.
 *
 * `enqueue` rejects with QueueFailedError (some jobs are not in the queue: `failed` says how many; SQS was asked four
 * times, or the queue was closed), or with JobTooLargeError (the others are in the queue).
 *
 * @throws InvalidOptionError for options of the wrong form, and for FIFO queues: they take no delayed messages.
 */
export function createSqsQueue(options: SqsQueueOptions): Required<Pick<MediaQueue, 'enqueue' | 'close'>> {
  checkOptions(options, SQS_QUEUE_OPTIONS)
  const { queueUrl, maxBatchBytes = 262_144, timeoutMs = 10_000 } = options
  checkWhole('maxBatchBytes', maxBatchBytes, { least: 1_024, most: MOST_MESSAGE_BYTES })
  checkWhole('timeoutMs', timeoutMs, { most: MAX_TIMER_MS })
  const connection = connectSqs(options)
  let isClosed = false
  return {
    async enqueue(jobs) {
      checkJobs(jobs)
      if (isClosed) throw new QueueFailedError({ operation: 'enqueue', reason: 'closed', retryable: true })
      const fresh = [...new Map(jobs.map((job) => [buildJobId(job), job])).values()]
      const messages = fresh.map(
        (job): OutgoingMessage => ({
          // SQS itself may move a message to the dead-letter queue, which must hold no download URL that a look-up finds anew.
          body: toBody(removeJobUrl(job)),
          secrets: findSecrets(job),
        }),
      )
      const fitting = messages.filter((message) => countBytes(message) <= maxBatchBytes)
      // Messages that fit go first: one huge caption must not hold up its neighbours.
      await sendMessages(connection, fitting, { queueUrl, maxBatchBytes, timeoutMs })
      const tooLarge = messages.map(countBytes).filter((bytes) => bytes > maxBatchBytes)
      if (tooLarge.length > 0) {
        const bytes = Math.max(...tooLarge)
        throw new JobTooLargeError({ jobs: tooLarge.length, bytes, limitBytes: maxBatchBytes })
      }
    },
    async close(closing) {
      checkClosing(closing)
      isClosed = true
      await connection.close()
      return []
    },
  }
}
