import { within } from '../../timing/abort.js'
import { decideBackoffSeconds } from '../../timing/backoff.js'
import { ATTEMPTS_ATTRIBUTE, parseSqsCount, type SqsMessage } from './message.js'
import { type MessageFate, type RunMessage, showAgain } from './run-message.js'
import type { MessageSettler } from './settle.js'

/** The event that Lambda gets from SQS, as far as it is read (AWS: Using Lambda with Amazon SQS). */
export interface SqsLambdaEvent {
  /** The messages of one batch. */
  Records: readonly SqsLambdaRecord[]
}

/** One message of an event. */
export interface SqsLambdaRecord {
  /** Names the message in the result. */
  messageId: string
  /** SQS's handle of this receipt, which deletes or hides the message. */
  receiptHandle: string
  /** The job as JSON. */
  body: string
  /** SQS's own attributes of the message. */
  attributes: {
    /** How often it was received, in digits. */
    ApproximateReceiveCount: string
  }
  /** Of these, the number of earlier attempts is read. */
  messageAttributes?:
    | Readonly<
        Record<
          string,
          | {
              /** The attribute's text. */
              stringValue?: string | undefined
            }
          | undefined
        >
      >
    | undefined
}

/** Lambda's context, as far as it is used. */
export interface SqsLambdaContext {
  /** Milliseconds until Lambda ends the function. */
  getRemainingTimeInMillis(): number
}

/** The messages that Lambda must not delete (AWS: Reporting batch item failures). */
export interface SqsBatchResult {
  /** Each with the `messageId` of a record. */
  batchItemFailures: {
    /** The id of a message that becomes visible again. */
    itemIdentifier: string
  }[]
}

export interface LambdaOptions {
  runMessage: RunMessage
  settler: MessageSettler
  concurrency: number
  /** Milliseconds before the function's end at which attempts are stopped. */
  marginMs: number
  /** Milliseconds that settling one message may take. */
  limitMs: number
}

/** The time of one run of the function. */
interface RunTime {
  /** Milliseconds since 1970. */
  endsAt: number
  marginMs: number
}

export function createLambdaHandler({
  runMessage,
  settler,
  concurrency,
  marginMs,
  limitMs,
}: LambdaOptions): (event: SqsLambdaEvent, context: SqsLambdaContext) => Promise<SqsBatchResult> {
  const runInTime = (message: SqsMessage, time: RunTime): Promise<MessageFate> => {
    const deadline = new Date(time.endsAt - time.marginMs)
    // Not begun, so not tried: another function may have it at once.
    if (Date.now() >= deadline.getTime()) return Promise.resolve(showAgain(0))
    // An attempt may outlast the deadline: `onArchived` is your app's.
    const leftMs = time.endsAt - (time.marginMs * 2) / 3 - Date.now()
    const otherwise = (): MessageFate => showAgain(decideBackoffSeconds(message.receiveCount))
    return within(leftMs, runMessage(message, { deadline }), { otherwise })
  }

  /** @returns whether Lambda may delete the message. */
  const settleRecord = async (record: SqsLambdaRecord, time: RunTime): Promise<boolean> => {
    const message = readRecord(record)
    const decided = await runInTime(message, time)
    if (decided.fate === 'delete') return true
    // The report must leave in time, and SQS may hang: a message that is not shown comes when its visibility ends.
    const slackMs = time.endsAt - Date.now() - time.marginMs / 3
    const limit = { limitMs: Math.min(limitMs, slackMs) }
    if (slackMs > 0) await settler.hide(message, { seconds: decided.afterSeconds, ...limit })
    return false
  }

  return async ({ Records: records }, context) => {
    const remainingMs = context.getRemainingTimeInMillis()
    const time = { endsAt: Date.now() + remainingMs, marginMs: Math.min(marginMs, remainingMs / 2) }
    const waiting = [...records]
    const kept = new Set<SqsLambdaRecord>()
    const runNext = async (): Promise<void> => {
      for (let record = waiting.shift(); record !== undefined; record = waiting.shift()) {
        if (!(await settleRecord(record, time))) kept.add(record)
      }
    }
    await Promise.all(Array.from({ length: concurrency }, runNext))
    const failures = records.filter((record) => kept.has(record))
    return { batchItemFailures: failures.map(({ messageId }) => ({ itemIdentifier: messageId })) }
  }
}

function readRecord({ receiptHandle, body, attributes, messageAttributes }: SqsLambdaRecord): SqsMessage {
  const { stringValue } = messageAttributes?.[ATTEMPTS_ATTRIBUTE] ?? {}
  return {
    receiptHandle,
    body,
    receiveCount: parseSqsCount(attributes.ApproximateReceiveCount),
    attempts: parseSqsCount(stringValue),
  }
}
