import type { Message } from '@aws-sdk/client-sqs'
import type { SqsBatchResult, SqsLambdaContext, SqsLambdaEvent, SqsLambdaRecord } from '../../src/queues/sqs.js'
import { receive, remove } from './queues.js'

type Worker = (event: SqsLambdaEvent, context: SqsLambdaContext) => Promise<SqsBatchResult>

/** How long a batch is hidden from others: six times the function's timeout, as AWS advises. */
const HIDDEN_SECONDS = 90

/**
 * Lambda's event source mapping, as AWS documents it: hands a batch of up to ten messages to the function and deletes those
 * that it does not report.
 *
 * @returns the messages of the batch, and those that were reported.
 */
export async function deliverBatch(
  queueUrl: string,
  { worker, timeoutMs }: { worker: Worker; timeoutMs: number },
): Promise<{ batch: Message[]; reported: Message[] }> {
  const batch: Message[] = []
  while (batch.length < 10) {
    const more = await receive(queueUrl, HIDDEN_SECONDS)
    if (more.length === 0) break
    batch.push(...more)
  }
  if (batch.length === 0) return { batch, reported: [] }
  const endsAt = Date.now() + timeoutMs
  const context = { getRemainingTimeInMillis: () => endsAt - Date.now() }
  const { batchItemFailures: failures } = await worker({ Records: batch.map(toRecord) }, context)
  const reported = batch.filter(({ MessageId: id }) => failures.some(({ itemIdentifier }) => itemIdentifier === id))
  for (const message of batch) if (!reported.includes(message)) await remove(queueUrl, message)
  return { batch, reported }
}

function toRecord(message: Message): SqsLambdaRecord {
  const named = Object.entries(message.MessageAttributes ?? {}).map(([name, attribute]) => [
    name,
    { stringValue: attribute.StringValue, dataType: attribute.DataType },
  ])
  return {
    messageId: String(message.MessageId),
    receiptHandle: String(message.ReceiptHandle),
    body: String(message.Body),
    attributes: { ApproximateReceiveCount: String(message.Attributes?.ApproximateReceiveCount) },
    messageAttributes: Object.fromEntries(named),
  }
}
