import { createBullMqWorker } from '../../src/queues/bullmq.js'
import { serveWorker, type WorkerTask } from '../kill-run/worker-process.js'

export interface BullMqTask extends WorkerTask {
  connection: string
  prefix: string
}

serveWorker<BullMqTask>(({ connection, prefix, concurrency }, processJob) =>
  createBullMqWorker({ connection, prefix, concurrency, lockMs: 2_000, stalledIntervalMs: 2_000, processJob }),
)
