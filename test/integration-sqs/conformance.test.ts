import { describe, it } from 'vitest'
import { createSqsConsumer, createSqsQueue } from '../../src/queues/sqs.js'
import type { MediaJob } from '../../src/queues.js'
import { queueConformance } from '../../src/testing/queue-conformance.js'
import { toRows } from '../conformance-rows.js'
import { connectionTo, queueNamed, receive, remove, send } from './queues.js'

interface Letter {
  job: MediaJob
  attributes: unknown
}

async function open(name: string) {
  const queueUrl = await queueNamed(name)
  const deadLetterQueueUrl = await queueNamed(`${name}-dead`)
  const takeLetters = async (hiddenSeconds: number) => {
    const messages = await receive(deadLetterQueueUrl, hiddenSeconds)
    return messages.map((message) => ({ message, body: String(message.Body) }))
  }
  return {
    queue: createSqsQueue(connectionTo(queueUrl)),
    work(processJob: Parameters<typeof createSqsConsumer>[0]['processJob']) {
      const consumer = createSqsConsumer({ ...connectionTo(queueUrl), deadLetterQueueUrl, processJob })
      consumer.start()
      return consumer
    },
    async deadLetters(): Promise<Letter[]> {
      const letters = await takeLetters(0)
      return letters.map(({ message, body }) => ({ job: JSON.parse(body), attributes: message.MessageAttributes }))
    },
    // As AWS does it: the body goes back as it is.
    async redrive() {
      for (const { message, body } of await takeLetters(60)) {
        await send(queueUrl, body)
        await remove(deadLetterQueueUrl, message)
      }
    },
  }
}

describe('createSqsQueue() and createSqsConsumer() meet the conformance suite', () => {
  it.concurrent.each(toRows(queueConformance({ open })))('%s', (_name, run) => run())
})
