// The conformance suite of queues with the BullMQ that is installed here, on the Redis that REDIS_URL names.
import { createBullMqQueue, createBullMqWorker } from 'whatsapp-media-archive/queues/bullmq'
import { queueConformance } from 'whatsapp-media-archive/testing'

const prefix = `{consumers-${process.pid}}`

const open = (name) => {
  const options = { connection: process.env.REDIS_URL, name, prefix }
  const queue = createBullMqQueue(options)
  return {
    queue,
    work: (processJob) => createBullMqWorker({ ...options, processJob }),
    deadLetters: () => queue.deadLetters(),
    redrive: async () => queue.redrive((await queue.deadLetters()).map(({ id }) => id)),
  }
}

for (const { name, run } of queueConformance({ open })) {
  try {
    await run()
  } catch (error) {
    process.stderr.write(`${name}\n${error.stack}\n`)
    process.exitCode = 1
  }
}
