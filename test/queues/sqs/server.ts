import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { buildApp } from 'fauxqs'

/** A call as it came over the wire. */
export interface SqsCall {
  /** `SendMessageBatch`, say. */
  action: string
  input: Record<string, unknown>
}

/** What is answered in the server's place: a status with a body, `hang` for nothing at all, undefined for its own answer. */
export type SqsFault = { status: number; body: unknown } | 'hang' | undefined

export interface SqsServer {
  endpoint: string
  client: SQSClient
  /** What `createSqsQueue` and `createSqsConsumer` need to reach a queue. */
  connectionTo(queueUrl: string): {
    queueUrl: string
    endpoint: string
    region: string
    credentials: { accessKeyId: string; secretAccessKey: string }
  }
  calls: SqsCall[]
  /** Asked about each call that comes. */
  fault: (call: SqsCall) => SqsFault
  /** @returns its URL. */
  createQueue(attributes?: Record<string, string>): Promise<string>
  send(queueUrl: string, body: string): Promise<void>
  /** All messages, hidden for half a minute from then on. */
  receive(queueUrl: string): Promise<Message[]>
  /** How many messages are there to be had, hidden and delayed. */
  count(queueUrl: string): Promise<{ visible: number; hidden: number; delayed: number }>
  close(): Promise<void>
}

const CREDENTIALS = { accessKeyId: 'testing', secretAccessKey: 'testing' }

/** A real SQS server in this process, behind a front that can answer in its place. */
export async function startSqs(): Promise<SqsServer> {
  const app = buildApp({ logger: false })
  await app.ready()
  const calls: SqsCall[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const payload = Buffer.concat(chunks).toString('utf8').replaceAll(endpoint, ownOrigin())
    const call = { action: String(request.headers['x-amz-target']).replace(/^.*\./, ''), input: JSON.parse(payload) }
    calls.push(call)
    const fault = server.fault(call)
    if (fault === 'hang') return
    const headers = headersOf(request)
    const { statusCode, body } =
      fault === undefined
        ? await app.inject({ method: 'POST', url: '/', headers, payload })
        : { statusCode: fault.status, body: JSON.stringify(fault.body) }
    if (response.destroyed && call.action === 'ReceiveMessage')
      await handBack(headers, JSON.parse(payload), JSON.parse(body))
    response.writeHead(statusCode, { 'content-type': 'application/x-amz-json-1.0' })
    response.end(body.replaceAll(ownOrigin(), endpoint))
  }
  /** A long poll whose reader has gone must not take messages from those who come after it. */
  const handBack = async (
    headers: IncomingMessage['headers'],
    { QueueUrl: queueUrl }: { QueueUrl: string },
    { Messages: messages = [] }: { Messages?: Message[] },
  ): Promise<void> => {
    for (const { ReceiptHandle: receiptHandle } of messages) {
      const payload = JSON.stringify({ QueueUrl: queueUrl, ReceiptHandle: receiptHandle, VisibilityTimeout: 0 })
      const target = { 'x-amz-target': 'AmazonSQS.ChangeMessageVisibility' }
      await app.inject({ method: 'POST', url: '/', headers: { ...headers, ...target }, payload })
    }
  }
  const http = createServer((request, response) => void answer(request, response).catch(() => response.destroy()))
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const client = new SQSClient({ endpoint, region: 'us-east-1', credentials: CREDENTIALS })
  // Queues lie at a host that not every machine finds: in what the client sees, ours takes its place.
  const ownOrigin = (): string => endpoint.replace('127.0.0.1', 'sqs.us-east-1.localhost')
  let queues = 0

  const server: SqsServer = {
    endpoint,
    client,
    calls,
    fault: () => undefined,
    connectionTo: (queueUrl) => ({ queueUrl, endpoint, region: 'us-east-1', credentials: CREDENTIALS }),
    async createQueue(attributes = {}) {
      queues++
      const created = await client.send(
        new CreateQueueCommand({ QueueName: `queue-${queues}`, Attributes: attributes }),
      )
      return String(created.QueueUrl)
    },
    async send(queueUrl, body) {
      await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body }))
    },
    async receive(queueUrl) {
      const found: Message[] = []
      for (;;) {
        const { Messages: messages = [] } = await client.send(
          new ReceiveMessageCommand({
            QueueUrl: queueUrl,
            MaxNumberOfMessages: 10,
            MessageSystemAttributeNames: ['All'],
            MessageAttributeNames: ['All'],
          }),
        )
        if (messages.length === 0) return found
        found.push(...messages)
      }
    },
    async count(queueUrl) {
      const { Attributes: counts = {} } = await client.send(
        new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] }),
      )
      return {
        visible: Number(counts.ApproximateNumberOfMessages),
        hidden: Number(counts.ApproximateNumberOfMessagesNotVisible),
        delayed: Number(counts.ApproximateNumberOfMessagesDelayed),
      }
    },
    async close() {
      client.destroy()
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
      await app.close()
    },
  }
  return server
}

/** Without the length, which is another now. */
function headersOf({
  headers: { 'content-length': _length, ...headers },
}: IncomingMessage): IncomingMessage['headers'] {
  return headers
}
