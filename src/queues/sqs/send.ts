import { setTimeout as wait } from 'node:timers/promises'
import type { BatchResultErrorEntry, SendMessageBatchRequestEntry } from '@aws-sdk/client-sqs'
import { findSetupFault } from '../../errors/setup-fault.js'
import { isName } from '../../errors/thrown.js'
import { QueueFailedError } from '../../errors.js'
import { defined } from '../../json.js'
import type { SqsConnection } from './connection.js'

/** A message on its way into a queue. */
export interface OutgoingMessage {
  body: string
  attributes?: Readonly<Record<string, string>> | undefined
  /** At most 900 (AWS: SendMessage). */
  delaySeconds?: number | undefined
  /** Texts that no error may repeat. */
  secrets?: readonly string[] | undefined
}

interface SendPlan {
  queueUrl: string
  /** Of all messages sent together. */
  maxBatchBytes: number
  /** For everything: messages that are not sent by then have failed. */
  timeoutMs: number
}

/** A message is sent so many times before it has failed; the longest wait after the first. */
const ATTEMPTS = 4
const FIRST_RESEND_MS = 100

/** A webhook of a thousand messages is a hundred batches. */
const BATCHES_AT_ONCE = 8

/** AWS: Message quotas. */
export const MOST_MESSAGE_BYTES = 1_048_576

/** AWS: SendMessageBatch. */
const MOST_IN_BATCH = 10

/**
 * Sends messages in as few batches as they fit in. Batches fail in part: the messages that failed are sent again, with back-off.
 *
 * @throws QueueFailedError that says how many are not in the queue. Sending all of them again does no harm.
 */
export async function sendMessages(
  connection: SqsConnection,
  messages: readonly OutgoingMessage[],
  { queueUrl, maxBatchBytes, timeoutMs }: SendPlan,
): Promise<void> {
  const batches = toBatches(messages, maxBatchBytes)
  const endsAt = Date.now() + timeoutMs
  const failures: SendFailure[] = []
  const sendNext = async (): Promise<void> => {
    for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
      const failure = await sendBatch(connection, batch, { queueUrl, endsAt })
      if (failure !== undefined) failures.push(failure)
    }
  }
  await Promise.all(Array.from({ length: Math.min(BATCHES_AT_ONCE, batches.length) }, sendNext))
  const [first] = failures
  if (first === undefined) return
  const failed = failures.reduce((sum, { count }) => sum + count, 0)
  const { reason, cause } = first.error
  const retryable = failures.every(({ error }) => error.retryable)
  const advice = findSetupFault(cause)?.advice
  throw new QueueFailedError({ operation: 'enqueue', reason, retryable, failed, total: messages.length, advice, cause })
}

/** Bytes of a message as SQS counts them: its body, and names, types and values of its attributes (AWS: Message quotas). */
export function countBytes({ body, attributes = {} }: OutgoingMessage): number {
  const parts = Object.entries(attributes).flatMap(([name, value]) => [name, 'String', value])
  return [body, ...parts].reduce((sum, part) => sum + Buffer.byteLength(part), 0)
}

function toBatches(messages: readonly OutgoingMessage[], maxBatchBytes: number): OutgoingMessage[][] {
  const batches: OutgoingMessage[][] = []
  let batch: OutgoingMessage[] = []
  let bytes = 0
  for (const message of messages) {
    const size = countBytes(message)
    if (batch.length === 0 || batch.length === MOST_IN_BATCH || bytes + size > maxBatchBytes) {
      batch = []
      bytes = 0
      batches.push(batch)
    }
    batch.push(message)
    bytes += size
  }
  return batches
}

/** Messages that are not in the queue. */
interface SendFailure {
  count: number
  error: QueueFailedError
}

async function sendBatch(
  connection: SqsConnection,
  batch: readonly OutgoingMessage[],
  { queueUrl, endsAt }: { queueUrl: string; endsAt: number },
): Promise<SendFailure | undefined> {
  let refused: SendFailure | undefined
  let left = batch
  for (let attempt = 1; ; attempt++) {
    const sent = await sendOnce(connection, left, { queueUrl, limitMs: endsAt - Date.now() })
    left = sent.left
    if (sent.refused !== undefined) {
      refused = { count: sent.refused.count + (refused?.count ?? 0), error: sent.refused.error }
    }
    const delay = FIRST_RESEND_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2)
    if (sent.error === undefined) return refused
    if (attempt === ATTEMPTS || Date.now() + delay >= endsAt) {
      return { count: left.length + (refused?.count ?? 0), error: sent.error }
    }
    await wait(delay)
  }
}

interface SendResult {
  /** To be sent again, and why. */
  left: readonly OutgoingMessage[]
  error?: QueueFailedError | undefined
  /** Messages that would be refused again. */
  refused?: SendFailure | undefined
}

async function sendOnce(
  connection: SqsConnection,
  messages: readonly OutgoingMessage[],
  { queueUrl, limitMs }: { queueUrl: string; limitMs: number },
): Promise<SendResult> {
  const secrets = messages.flatMap((message) => message.secrets ?? [])
  const { answer, error } = await connection.call({ operation: 'enqueue', limitMs, secrets }, (client, sdk, options) =>
    client.send(new sdk.SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: messages.map(toEntry) }), options),
  )
  if (error !== undefined) {
    return error.retryable ? { left: messages, error } : { left: [], refused: { count: messages.length, error } }
  }
  const { Successful: successful = [], Failed: failed = [] } = answer
  const settled = new Set(
    [...successful, ...failed.filter(({ SenderFault: isOurs }) => isOurs)].map(({ Id: id }) => id),
  )
  const refused = failed.filter(({ SenderFault: isOurs }) => isOurs)
  // An entry that the answer does not name is in no queue either.
  const left = messages.filter((_message, index) => !settled.has(String(index)))
  return {
    left,
    ...defined({
      error: left.length === 0 ? undefined : toSendError(failed, true),
      refused: refused.length === 0 ? undefined : { count: refused.length, error: toSendError(refused, false) },
    }),
  }
}

function toSendError(failed: readonly BatchResultErrorEntry[], retryable: boolean): QueueFailedError {
  const reason = failed.map(({ Code: code }) => code).find(isName) ?? 'unknown'
  return new QueueFailedError({ operation: 'enqueue', reason, retryable })
}

function toEntry(
  { body, attributes = {}, delaySeconds }: OutgoingMessage,
  index: number,
): SendMessageBatchRequestEntry {
  const named = Object.entries(attributes).map(([name, value]) => [name, { DataType: 'String', StringValue: value }])
  return {
    Id: String(index),
    MessageBody: body,
    ...defined({
      MessageAttributes: named.length === 0 ? undefined : Object.fromEntries(named),
      DelaySeconds: delaySeconds,
    }),
  }
}
