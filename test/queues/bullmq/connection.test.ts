import { expect, it, onTestFinished } from 'vitest'
import { connectRedis } from '../../../src/queues/bullmq/connection.js'

it('a connection that is away is left to its own tries', async () => {
  // Port 1 serves nobody.
  const { redis, reconnect } = connectRedis('redis://127.0.0.1:1', {
    maxRetriesPerRequest: null,
    socketTimeout: 1_000,
    resends: false,
  })
  onTestFinished(() => redis.disconnect())
  await reconnect()
  expect(redis.status).not.toBe('end')
})
