import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { toRedisError } from '../../../src/queues/bullmq/to-redis-error.js'

const PASSWORD = 'canary-password-of-redis'

describe('toRedisError', () => {
  it.each<[string, object]>([
    ['its options', { options: { password: PASSWORD } }],
    ['its Sentinel', { options: { sentinelPassword: PASSWORD } }],
    ["its cluster's nodes", { options: { redisOptions: { password: PASSWORD } } }],
  ])('repeats no password of %s, which Redis quotes', (_name, redis) => {
    const texts = [PASSWORD, PASSWORD.split('').join('\u200b'), PASSWORD.toUpperCase()]
    for (const text of texts) {
      const error = new Error(`ERR unknown command 'AUTH', with args beginning with: '${text}'`)
      const failed = toRedisError('enqueue', error, { redis })
      expect(inspect(failed, { depth: null }).replaceAll('\u200b', '').toLowerCase()).not.toContain(PASSWORD)
      expect(failed).toMatchObject({ code: 'queue-failed', reason: 'ERR' })
    }
  })
})
