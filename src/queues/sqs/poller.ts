import { setTimeout as wait } from 'node:timers/promises'
import type { Message, ReceiveMessageCommandOutput } from '@aws-sdk/client-sqs'
import { type AnyWhatsAppMediaError, InvalidOptionError } from '../../errors.js'
import { createController, MAX_TIMER_MS } from '../../timing/abort.js'
import { type ClosingOptions, checkClosing } from '../../timing/closing.js'
import { LONGEST_POLL_SECONDS, type SqsConnection, type SqsResult } from './connection.js'
import { ATTEMPTS_ATTRIBUTE, parseSqsCount, type SqsMessage } from './message.js'
import { createMessageRuns, type MessageRuns, type MessageRunsOptions } from './runs.js'

export interface SqsPollerOptions extends MessageRunsOptions {
  connection: SqsConnection
  queueUrl: string
  report(error: AnyWhatsAppMediaError): void
  concurrency: number
}

/** Fetches messages and works them off, on a server. */
export interface SqsPoller {
  start(): void
  close(options?: ClosingOptions): Promise<void>
}

/** AWS: ReceiveMessage. */
const MOST_RECEIVED = 10

/** Two long polls, the first on a forgotten connection, may take this much beyond their own time; one without messages is suspicious when it ends this fast. */
const POLL_SLACK_MS = 10_000
const QUICK_POLL_MS = 1_000

/** The rest after polls that fail, doubling; the first also after an empty one that ended at once, as some servers' do. */
const FIRST_REST_MS = 1_000
const LONGEST_REST_MS = 30_000

/** Time for stopped attempts to end, in milliseconds. */
const STOPPED_ATTEMPTS_MS = 1_000

export function createSqsPoller(options: SqsPollerOptions): SqsPoller {
  const runs = createMessageRuns(options)
  const closed = createController()
  const timers: NodeJS.Timeout[] = []
  let polling: Promise<void> | undefined
  let closing: Promise<void> | undefined

  const shutDown = async (): Promise<void> => {
    closed.abort()
    await polling
    await runs.waitForAll()
    for (const timer of timers) clearTimeout(timer)
  }

  return {
    start() {
      if (closing !== undefined) throw new InvalidOptionError({ option: 'consumer', problem: 'is closed' })
      polling ??= receiveUntilClosed(options, { runs, closed: closed.signal })
    },
    async close(closingOptions) {
      const timeoutMs = checkClosing(closingOptions, 20_000)
      // SIGTERM and SIGINT may both come: the second asks for the same end, perhaps sooner.
      if (timeoutMs <= MAX_TIMER_MS - STOPPED_ATTEMPTS_MS) {
        timers.push(setTimeout(runs.stop, timeoutMs), setTimeout(runs.abandon, timeoutMs + STOPPED_ATTEMPTS_MS))
      }
      closing ??= shutDown()
      return closing
    },
  }
}

async function receiveUntilClosed(
  options: SqsPollerOptions,
  { runs, closed }: { runs: MessageRuns; closed: AbortSignal },
): Promise<void> {
  const { report, concurrency } = options
  const rest = (ms: number): Promise<unknown> => wait(ms, undefined, { signal: closed }).catch(() => {})
  for (let failures = 0; ; ) {
    await runs.waitForSlot(concurrency, closed)
    if (closed.aborted) return
    const begun = Date.now()
    const count = Math.min(MOST_RECEIVED, concurrency - runs.size)
    const { answer, error } = await receiveMessages(options, { count, signal: closed })
    if (error !== undefined) {
      if (closed.aborted) return
      report(error)
      await rest(decideRestMs(++failures))
      continue
    }
    failures = 0
    const messages = (answer.Messages ?? []).map(readReceived)
    for (const message of messages) runs.start(message)
    if (messages.length === 0 && Date.now() - begun < QUICK_POLL_MS) await rest(FIRST_REST_MS)
  }
}

function receiveMessages(
  { connection, queueUrl, visibilitySeconds }: SqsPollerOptions,
  { count, signal }: { count: number; signal: AbortSignal },
): Promise<SqsResult<ReceiveMessageCommandOutput>> {
  const limitMs = 2 * LONGEST_POLL_SECONDS * 1_000 + POLL_SLACK_MS
  return connection.call({ operation: 'receive', limitMs, signal }, (client, sdk, sendOptions) => {
    const command = new sdk.ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: count,
      WaitTimeSeconds: LONGEST_POLL_SECONDS,
      VisibilityTimeout: visibilitySeconds,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      MessageAttributeNames: [ATTEMPTS_ATTRIBUTE],
    })
    return client.send(command, sendOptions)
  })
}

/** Half to all of a doubling time: workers that lost SQS together must not come back together. */
function decideRestMs(failures: number): number {
  const cap = Math.min(FIRST_REST_MS * 2 ** (failures - 1), LONGEST_REST_MS)
  return cap / 2 + (Math.random() * cap) / 2
}

/** The SDK's types call a field optional that SQS always sends. */
function readReceived(message: Message): SqsMessage {
  const { ReceiptHandle: receiptHandle = '', Body: body = '' } = message
  const { Attributes: attributes, MessageAttributes: messageAttributes } = message
  return {
    receiptHandle,
    body,
    receiveCount: parseSqsCount(attributes?.ApproximateReceiveCount),
    attempts: parseSqsCount(messageAttributes?.[ATTEMPTS_ATTRIBUTE]?.StringValue),
  }
}
