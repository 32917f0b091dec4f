import type { SQSClient, SQSClientConfig } from '@aws-sdk/client-sqs'
import { describeValue } from '../../errors/describe.js'
import { cleanThrown, isName, readField } from '../../errors/thrown.js'
import { InvalidOptionError, QueueFailedError } from '../../errors.js'

/** A standard queue of Amazon SQS, or of anything that speaks its language. */
export type SqsConnectionOptions = {
  /** As AWS tells it: `https://sqs.ap-south-1.amazonaws.com/111122223333/media`. */
  queueUrl: string
} & (
  | {
      /** Used for everything, as it is; it stays yours to close. */
      client: SQSClient
    }
  | {
      client?: never
      /** Default: the SDK's own chain (`AWS_REGION`, shared configuration). */
      region?: string
      /** A server other than AWS's. Default: that of the queue's URL. */
      endpoint?: string
      /** Default: the SDK's own chain. */
      credentials?: SQSClientConfig['credentials']
    }
)

type Sdk = typeof import('@aws-sdk/client-sqs')

interface CallOptions {
  operation: QueueFailedError['operation']
  /** Milliseconds; a connection that swallows everything must not hold up its caller for ever. */
  limitMs: number
  signal?: AbortSignal | undefined
  /** What the call carries and no error may repeat. */
  secrets?: readonly string[]
}

/** What came of a call. */
export type SqsResult<T> = { answer: T; error?: never } | { answer?: never; error: QueueFailedError }

export interface SqsConnection {
  /** Never rejects. */
  call<T>(
    options: CallOptions,
    send: (client: SQSClient, sdk: Sdk, sendOptions: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<SqsResult<T>>
  /** Ends the connections of a client made here. */
  close(): Promise<void>
}

/** The SDK is loaded at the first call: who only reads webhooks' handshakes does not pay for it. */
export function connectSqs(options: SqsConnectionOptions): SqsConnection {
  checkQueueUrl('queueUrl', options.queueUrl)
  let connection: Promise<{ sdk: Sdk; client: SQSClient }> | undefined
  return {
    async call({ operation, limitMs, signal, secrets = [] }, send) {
      const stop = stopAfter(limitMs, signal)
      try {
        connection ??= open(options)
        const { sdk, client } = await connection
        return { answer: await send(client, sdk, { abortSignal: stop.signal }) }
      } catch (error) {
        if (stop.signal.aborted)
          return { error: new QueueFailedError({ operation, reason: 'timeout', retryable: true }) }
        return { error: queueError(error, operation, secrets) }
      } finally {
        stop.clear()
      }
    },
    async close() {
      if (options.client === undefined) (await connection)?.client.destroy()
    },
  }
}

const quiet = (): void => {}
const SILENT = { debug: quiet, info: quiet, warn: quiet, error: quiet }

async function open(options: SqsConnectionOptions): Promise<{ sdk: Sdk; client: SQSClient }> {
  const sdk = await import('@aws-sdk/client-sqs')
  if (options.client !== undefined) return { sdk, client: options.client }
  const { region, endpoint, credentials } = options
  // As many as there are calls: one that waits for a socket would count as a slow queue.
  const agent = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY }
  const client = new sdk.SQSClient({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    requestHandler: { httpAgent: agent, httpsAgent: agent, connectionTimeout: 3_000 },
    logger: SILENT,
  })
  return { sdk, client }
}

/** @throws InvalidOptionError. FIFO queues take no delays, and swallow a job that comes again within five minutes. */
export function checkQueueUrl(option: string, url: string): void {
  if (typeof url !== 'string' || !/^https?:\/\/[^/\s]+\/\S*[^/\s]$/.test(url) || url.endsWith('.fifo')) {
    throw new InvalidOptionError({
      option,
      problem: `must be the URL of a standard SQS queue, got ${describeValue(url)}`,
    })
  }
}

/** @throws InvalidOptionError unless the value is a whole number within the limits. */
export function checkWhole(option: string, value: number, [least, most]: readonly [number, number]): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    const limits = `from ${least} to ${most}`
    throw new InvalidOptionError({ option, problem: `must be a whole number ${limits}, got ${describeValue(value)}` })
  }
}

/** Both the caller's signal and a time limit in one. */
function stopAfter(limitMs: number, signal: AbortSignal | undefined): { signal: AbortSignal; clear(): void } {
  const controller = new AbortController()
  const stop = (): void => controller.abort()
  const timer = setTimeout(stop, limitMs)
  signal?.addEventListener('abort', stop, { once: true })
  return {
    signal: controller.signal,
    clear() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
    },
  }
}

/** Limits that pass come as HTTP 400 and 403 (AWS: Common errors; `OverLimit`: 120,000 messages in flight). */
const PASSING = /Throttl|OverLimit|LimitExceeded/

function queueError(
  error: unknown,
  operation: QueueFailedError['operation'],
  secrets: readonly string[],
): QueueFailedError {
  const status = readField(readField(error, '$metadata'), 'httpStatusCode')
  const reason = ['code', 'name'].map((name) => readField(error, name)).find(isName) ?? 'unknown'
  // Without an answer, faults of configuration (no credentials, no region) stay; the network's have a code.
  const isFault =
    typeof status === 'number'
      ? status >= 500 || status === 429
      : isName(readField(error, 'code')) || reason === 'TimeoutError'
  return new QueueFailedError({
    operation,
    reason,
    retryable: isFault || PASSING.test(reason),
    cause: cleanThrown(error, secrets),
  })
}
