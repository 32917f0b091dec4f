import { createSqsConsumer, type SqsConnectionOptions } from '../../src/queues/sqs.js'
import { serveWorker, type WorkerTask } from '../kill-run/worker-process.js'

export interface SqsTask extends WorkerTask {
  connection: SqsConnectionOptions
  deadLetterQueueUrl: string
}

serveWorker<SqsTask>(({ connection, deadLetterQueueUrl, concurrency }, processJob) => {
  const consumer = createSqsConsumer({
    ...connection,
    ...{ deadLetterQueueUrl, concurrency, processJob },
    visibilitySeconds: 2,
  })
  consumer.start()
  return consumer
})
