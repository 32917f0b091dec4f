import { setMaxListeners } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import type { Message, ReceiveMessageCommandOutput } from '@aws-sdk/client-sqs'
import { type AnyWhatsAppMediaError, InvalidOptionError, QueueFailedError } from '../../errors.js'
import type { RunMessage, Verdict } from './attempt.js'
import type { SqsConnection, SqsResult } from './connection.js'
import { ATTEMPTS_ATTRIBUTE, countOf, type SqsMessage } from './message.js'

/** Keeps a message from other readers for so long. Takes `limitMs` at most; never rejects. */
export type HideMessage = (message: SqsMessage, options: { seconds: number; limitMs: number }) => Promise<void>

interface Surroundings {
  connection: SqsConnection
  queueUrl: string
  runMessage: RunMessage
  hide: HideMessage
  tell(error: AnyWhatsAppMediaError): void
  concurrency: number
  visibilitySeconds: number
  /** Milliseconds that settling one message may take. */
  limitMs: number
}

export interface SqsPoller {
  start(): void
  close(options: { timeoutMs?: number }): Promise<void>
}

/** AWS: ReceiveMessage. */
const LONGEST_POLL_SECONDS = 20
const MOST_RECEIVED = 10

/** What a long poll may take beyond its own time, and how fast one without messages may end. */
const POLL_SLACK_MS = 10_000
const QUICK_POLL_MS = 1_000

/** The rest after polls that fail, doubling; the first also after an empty one that ended at once, as some servers' do. */
const FIRST_REST_MS = 1_000
const LONGEST_REST_MS = 30_000

/** How long `close` waits for attempts that it stopped, in milliseconds. */
const CLEAN_UP_MS = 1_000

export function createSqsPoller(surroundings: Surroundings): SqsPoller {
  const { connection, queueUrl, runMessage, hide, tell, concurrency, visibilitySeconds, limitMs } = surroundings
  /** Ends the polls, then the attempts, then the wait for attempts that do not end. */
  const [leaving, stopped, abandoned] = [new AbortController(), new AbortController(), new AbortController()]
  for (const { signal } of [leaving, stopped, abandoned]) setMaxListeners(0, signal)
  const running = new Set<Promise<void>>()
  const timers: NodeJS.Timeout[] = []
  let polling: Promise<void> | undefined
  let closing: Promise<void> | undefined
  let onEnd = (): void => {}

  const receive = (count: number): Promise<SqsResult<ReceiveMessageCommandOutput>> =>
    connection.call(
      { operation: 'receive', limitMs: LONGEST_POLL_SECONDS * 1_000 + POLL_SLACK_MS, signal: leaving.signal },
      (client, sdk, options) => {
        const command = new sdk.ReceiveMessageCommand({
          QueueUrl: queueUrl,
          MaxNumberOfMessages: count,
          WaitTimeSeconds: LONGEST_POLL_SECONDS,
          VisibilityTimeout: visibilitySeconds,
          MessageSystemAttributeNames: ['ApproximateReceiveCount'],
          MessageAttributeNames: [ATTEMPTS_ATTRIBUTE],
        })
        return client.send(command, options)
      },
    )

  const settle = async (message: SqsMessage, verdict: Verdict): Promise<void> => {
    if (verdict !== 'delete') return hide(message, { seconds: verdict.afterSeconds, limitMs })
    const letGo = { QueueUrl: queueUrl, ReceiptHandle: message.receiptHandle }
    const { error } = await connection.call({ operation: 'settle', limitMs }, (client, sdk, options) =>
      client.send(new sdk.DeleteMessageCommand(letGo), options),
    )
    if (error !== undefined) tell(error)
  }

  /** Tells SQS that the message is being worked on. */
  const startHeartbeat = (message: SqsMessage): { stop(): Promise<void> } => {
    let beat: Promise<void> | undefined
    const timer = setInterval(
      () => {
        beat ??= hide(message, { seconds: visibilitySeconds, limitMs }).finally(() => {
          beat = undefined
        })
      },
      (visibilitySeconds * 1_000) / 3,
    )
    return {
      async stop() {
        clearInterval(timer)
        // One on its way would undo what comes after it.
        await beat
      },
    }
  }

  const run = async (message: SqsMessage): Promise<void> => {
    const heartbeat = startHeartbeat(message)
    const left = whenAborted(abandoned.signal)
    const verdict = await Promise.race([runMessage(message, { signal: stopped.signal }), left.promise])
    left.forget()
    await heartbeat.stop()
    await settle(message, verdict ?? { afterSeconds: 0 })
  }

  const start = (message: SqsMessage): void => {
    const running_ = run(message).finally(() => {
      running.delete(running_)
      onEnd()
    })
    running.add(running_)
  }

  const slot = async (): Promise<void> => {
    while (running.size >= concurrency && !leaving.signal.aborted) {
      await new Promise<void>((resolve) => {
        onEnd = resolve
      })
    }
  }

  const rest = (ms: number): Promise<unknown> => wait(ms, undefined, { signal: leaving.signal }).catch(() => {})

  const poll = async (): Promise<void> => {
    let failures = 0
    for (;;) {
      await slot()
      if (leaving.signal.aborted) return
      const begun = Date.now()
      const { answer, error } = await receive(Math.min(MOST_RECEIVED, concurrency - running.size))
      if (leaving.signal.aborted && error !== undefined) return
      if (error !== undefined) {
        tell(error)
        await rest(restAfter(++failures))
        continue
      }
      failures = 0
      const messages = (answer.Messages ?? []).map(messageOf)
      for (const message of messages) start(message)
      if (messages.length === 0 && Date.now() - begun < QUICK_POLL_MS) await rest(FIRST_REST_MS)
    }
  }

  const shutDown = async (): Promise<void> => {
    leaving.abort()
    onEnd()
    await polling
    await Promise.all(running)
    for (const timer of timers) clearTimeout(timer)
  }

  return {
    start() {
      if (closing !== undefined) throw new InvalidOptionError({ option: 'consumer', problem: 'is closed' })
      polling ??= poll()
    },
    close({ timeoutMs = 20_000 }) {
      // SIGTERM and SIGINT may both come: the second asks for the same end, perhaps sooner.
      const stop = (): void =>
        stopped.abort(new QueueFailedError({ operation: 'receive', reason: 'closed', retryable: true }))
      timers.push(
        setTimeout(stop, timeoutMs),
        setTimeout(() => abandoned.abort(), timeoutMs + CLEAN_UP_MS),
      )
      closing ??= shutDown()
      return closing
    },
  }
}

/** Half to all of a doubling time: workers that lost SQS together must not come back together. */
function restAfter(failures: number): number {
  const cap = Math.min(FIRST_REST_MS * 2 ** (failures - 1), LONGEST_REST_MS)
  return cap / 2 + (Math.random() * cap) / 2
}

/** Without a trace on a signal that outlives thousands of runs. */
function whenAborted(signal: AbortSignal): { promise: Promise<undefined>; forget(): void } {
  const listening = new AbortController()
  const promise = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { signal: listening.signal })
  })
  return { promise, forget: () => listening.abort() }
}

/** What SQS always tells, the SDK's types call optional. */
function messageOf(message: Message): SqsMessage {
  const { ReceiptHandle: receiptHandle = '', Body: body = '' } = message
  const { Attributes: attributes, MessageAttributes: messageAttributes } = message
  return {
    receiptHandle,
    body,
    receiveCount: countOf(attributes?.ApproximateReceiveCount),
    attempts: countOf(messageAttributes?.[ATTEMPTS_ATTRIBUTE]?.StringValue),
  }
}
