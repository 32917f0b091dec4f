import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'

const { SQS_ENDPOINT: endpoint } = process.env
if (!endpoint) throw new Error('SQS_ENDPOINT is not set: run scripts/servers/start-sqs.sh and export what it prints')

/** How everybody reaches the server under test. It checks no credentials. */
const server = {
  endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
}

const client: SQSClient = new SQSClient(server)

/** What `createSqsQueue` and `createSqsConsumer` need to reach a queue. */
export function connectionTo(queueUrl: string): typeof server & { queueUrl: string } {
  return { ...server, queueUrl }
}

/** The queue of this name, made if need be. @returns its URL. */
export async function queueNamed(name: string, attributes: Record<string, string> = {}): Promise<string> {
  const { QueueUrl: url } = await client.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }))
  return String(url)
}

/** Up to ten messages, hidden from others for so many seconds. */
export async function receive(queueUrl: string, hiddenSeconds: number): Promise<Message[]> {
  const { Messages: messages = [] } = await client.send(
    new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: 10,
      VisibilityTimeout: hiddenSeconds,
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
    }),
  )
  return messages
}

export async function remove(queueUrl: string, { ReceiptHandle: receiptHandle }: Message): Promise<void> {
  await client.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: receiptHandle }))
}

export async function send(queueUrl: string, body: string): Promise<void> {
  await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body }))
}

/** How many messages it holds: to be had, hidden and delayed. */
export async function count(queueUrl: string): Promise<{ visible: number; hidden: number; delayed: number }> {
  const { Attributes: counts = {} } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] }),
  )
  return {
    visible: Number(counts.ApproximateNumberOfMessages),
    hidden: Number(counts.ApproximateNumberOfMessagesNotVisible),
    delayed: Number(counts.ApproximateNumberOfMessagesDelayed),
  }
}
