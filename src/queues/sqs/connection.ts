import type { ClientRequest } from 'node:http'
import type { SQSClient, SQSClientConfig } from '@aws-sdk/client-sqs'
import type { OptionNames } from '../../errors/check-options.js'
import { checkCredentials, checkMethods, checkRegion, checkUrl } from '../../errors/checks.js'
import { describeValue } from '../../errors/describe.js'
import { findClientSecrets, listIdentitySecrets, listUrlSecrets } from '../../errors/identity-secrets.js'
import { findSetupFault } from '../../errors/setup-fault.js'
import { cleanThrown, isName, readFaultName, readField } from '../../errors/thrown.js'
import { InvalidOptionError, QueueFailedError } from '../../errors.js'
import { SILENT_SOCKET_MS } from '../../http/reused-socket.js'
import { createTransports } from '../../http/transport.js'
import { repeatForgotten, watchAgent } from '../../http/watch-agent.js'
import { defined } from '../../json.js'
import { loadPackage } from '../../runtime/load-package.js'
import { linkSignals } from '../../timing/abort.js'

/** A standard queue of Amazon SQS, or of anything that speaks its language. */
export type SqsConnectionOptions = SqsClientOptions | SqsServerOptions

/** A queue that is reached by your own client. */
export interface SqsClientOptions {
  /** As AWS gives it: `https://sqs.ap-south-1.amazonaws.com/111122223333/media`. */
  queueUrl: string
  /** Used for everything, as it is; it stays yours to close. */
  client: SQSClient
  /** Absent, as the next two: a client has its own. */
  region?: undefined
  /** Absent: the client's counts. */
  endpoint?: undefined
  /** Absent: the client's count. */
  credentials?: undefined
}

/** A queue that is reached by connections of its own. */
export interface SqsServerOptions {
  /** As AWS gives it: `https://sqs.ap-south-1.amazonaws.com/111122223333/media`. */
  queueUrl: string
  /** Absent beside a region, an endpoint or credentials. */
  client?: undefined
  /** Default: the SDK's own chain (`AWS_REGION`, shared configuration). */
  region?: string | undefined
  /** A server other than AWS's. Default: that of the queue's URL. */
  endpoint?: string | undefined
  /** Default: the SDK's own chain. */
  credentials?: SQSClientConfig['credentials'] | undefined
}

export const SQS_CONNECTION_OPTIONS: OptionNames<SqsConnectionOptions> = {
  ...{ queueUrl: true, client: true, region: true, endpoint: true, credentials: true },
}

type SqsSdk = typeof import('@aws-sdk/client-sqs')

interface SqsCallOptions {
  operation: QueueFailedError['operation']
  /** Milliseconds; a connection that swallows everything must not hold up its caller for ever. */
  limitMs: number
  signal?: AbortSignal | undefined
  /** Texts that the call carries and no error may repeat. */
  secrets?: readonly string[] | undefined
}

/** The end of a call. */
export type SqsResult<T> = { answer: T; error?: never } | { answer?: never; error: QueueFailedError }

export interface SqsConnection {
  /** Never rejects. */
  call<T>(
    options: SqsCallOptions,
    send: (client: SQSClient, sdk: SqsSdk, sendOptions: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<SqsResult<T>>
  /** Ends the connections of a client made here. */
  close(): Promise<void>
}

/** The SDK is loaded at the first call: a process that only answers webhooks' handshakes does not pay for it. */
export function connectSqs(options: SqsConnectionOptions): SqsConnection {
  checkQueueUrl('queueUrl', options.queueUrl)
  checkAccess(options)
  let connection: Promise<{ sdk: SqsSdk; client: SQSClient }> | undefined
  return {
    async call({ operation, limitMs, signal, secrets = [] }, send) {
      let opened: SQSClient | undefined
      const stop = linkSignals([signal], { deadline: new Date(Date.now() + limitMs) })
      try {
        connection ??= openClient(options).catch((error: unknown) => {
          connection = undefined
          throw error
        })
        const { sdk, client } = await connection
        opened = client
        return { answer: await send(client, sdk, { abortSignal: stop.signal }) }
      } catch (error) {
        if (stop.signal.aborted)
          return { error: new QueueFailedError({ operation, reason: 'timeout', retryable: true }) }
        const known = [...listConnectionSecrets(options), ...(await findClientSecrets(opened, error))]
        return { error: toSqsError(error, operation, [...known, ...secrets]) }
      } finally {
        stop.clear()
      }
    },
    async close() {
      // One that can't be opened needs no end.
      if (options.client === undefined) await connection?.then(({ client }) => client.destroy()).catch(() => {})
    },
  }
}

/** The secrets in the options of a connection. */
function listConnectionSecrets({ credentials, ...urls }: SqsConnectionOptions): string[] {
  const written = [urls.queueUrl, urls.endpoint].flatMap((url) => listUrlSecrets(url))
  return [...listIdentitySecrets(credentials), ...written]
}

/** How SQS is reached. */
function checkAccess(options: { client?: unknown; region?: unknown; endpoint?: unknown; credentials?: unknown }): void {
  const { client, region, endpoint, credentials } = options
  if (client !== undefined) checkMethods('client', client, { kind: 'an SQSClient', methods: ['send'] })
  if (region !== undefined) checkRegion('region', region)
  if (endpoint !== undefined) checkUrl('endpoint', endpoint)
  if (credentials !== undefined) checkCredentials('credentials', credentials)
}

const ignore = (): void => {}
const SQS_LOGGER = { debug: ignore, info: ignore, warn: ignore, error: ignore }

async function openClient(options: SqsConnectionOptions): Promise<{ sdk: SqsSdk; client: SQSClient }> {
  const sdk = await loadPackage({ name: '@aws-sdk/client-sqs' }, () => import('@aws-sdk/client-sqs'))
  if (options.client !== undefined) return { sdk, client: options.client }
  const { region, endpoint, credentials } = options
  // As many connections as there are calls: one that waits for a socket would count as a slow queue.
  const transports = createTransports()
  const [{ agent: httpAgent }, { agent: httpsAgent }] = await Promise.all([
    transports.open('http:'),
    transports.open('https:'),
  ])
  const client = new sdk.SQSClient({
    ...defined({ region, endpoint, credentials }),
    requestHandler: {
      httpAgent: watchAgent(httpAgent, findSilentMs),
      httpsAgent: watchAgent(httpsAgent, findSilentMs),
      connectionTimeout: 3_000,
    },
    logger: SQS_LOGGER,
  })
  client.middlewareStack.add(
    (next) => async (args) => {
      // Ends what a frozen function has left idle.
      await transports.open('https:')
      return repeatForgotten(() => next(args))
    },
    { step: 'finalizeRequest', priority: 'low', name: 'repeatForgotten' },
  )
  return { sdk, client }
}

/** AWS: ReceiveMessage. A long poll says nothing for as long. */
export const LONGEST_POLL_SECONDS = 20

/**
 * All requests can be repeated: a message that is sent twice is a job whose object is found, and the SDK sends again after
 * a reset by itself.
 */
function findSilentMs(request: ClientRequest): number {
  const isPoll = request.getHeader('x-amz-target') === 'AmazonSQS.ReceiveMessage'
  return SILENT_SOCKET_MS + (isPoll ? LONGEST_POLL_SECONDS * 1_000 : 0)
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

/** Limits that pass come as HTTP 400 and 403 (AWS: Common errors; `OverLimit`: 120,000 messages in flight). */
const THROTTLED_REASONS = /Throttl|OverLimit|LimitExceeded/

function toSqsError(
  error: unknown,
  operation: QueueFailedError['operation'],
  secrets: readonly string[],
): QueueFailedError {
  const status = readField(readField(error, '$metadata'), 'httpStatusCode')
  const fault = status === undefined ? findSetupFault(error) : undefined
  const reason = fault?.reason ?? readFaultName(error, ['code', 'name'])
  // Without an answer, faults of configuration (no credentials, no region) stay; the network's have a code.
  const isFault =
    typeof status === 'number'
      ? status >= 500 || status === 429
      : isName(readField(error, 'code')) || reason === 'TimeoutError'
  return new QueueFailedError({
    operation,
    reason,
    retryable: fault === undefined && (isFault || THROTTLED_REASONS.test(reason)),
    cause: cleanThrown(error, secrets),
    ...defined({ advice: fault?.advice }),
  })
}
