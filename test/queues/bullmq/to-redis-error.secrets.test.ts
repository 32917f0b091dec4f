import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { toRedisError } from '../../../src/queues/bullmq/to-redis-error.js'

const PASSWORD = 'canary-password-of-redis'

const HOLDERS: readonly (readonly [string, object])[] = [
  ['its options', { options: { password: PASSWORD } }],
  ['its Sentinel', { options: { sentinelPassword: PASSWORD } }],
  ["its cluster's nodes", { options: { redisOptions: { password: PASSWORD } } }],
  ["its cluster's Sentinels", { options: { redisOptions: { sentinelPassword: PASSWORD } } }],
]

/** What Redis, ioredis and proxies before Redis say of a password. */
const TEXTS = [
  `ERR unknown command 'AUTH', with args beginning with: '${PASSWORD}'`,
  `ERR unknown command \`AUTH\`, with args beginning with: \`default\`, \`${PASSWORD}\`,`,
  `ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' '${PASSWORD}'`,
  `ERR wrong number of arguments for AUTH ${PASSWORD}`,
  `ERR connect to redis://default:${PASSWORD}@cache.example:6379 failed`,
  `ERR connect to rediss://:${PASSWORD}@cache.example:6379 failed`,
  `ERR {"command":{"name":"auth","args":["default","${PASSWORD}"]}}`,
  `ERR AUTH ${PASSWORD.toUpperCase()}`,
  `ERR AUTH ${[...PASSWORD].join('\u200b')}`,
  `ERR AUTH ${[...PASSWORD].join('\u00ad')}`,
  `ERR AUTH ${[...PASSWORD].join('\u0001')}`,
  `ERR AUTH ${Buffer.from(`default:${PASSWORD}`).toString('base64')}`,
  `ERR AUTH ${Buffer.from(PASSWORD).toString('hex')}`,
  `ERR AUTH ${[...PASSWORD].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join('')}`,
  `ERR AUTH ${[...PASSWORD].map((letter) => `\\x${letter.charCodeAt(0).toString(16)}`).join('')}`,
  `ERR AUTH ${PASSWORD.slice(0, 16)}`,
  `ERR AUTH …${PASSWORD.slice(-16)}`,
]

/** A text as whoever decodes it reads it. */
function readText(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}]/gu, '').replace(/(?:%|\\+x)([0-9a-f]{2})/g, (_all, hex: string) => {
    return String.fromCharCode(Number.parseInt(hex, 16))
  })
  const runs = plain.match(/[\w+/-]{16,}/g) ?? []
  const unpacked = runs.flatMap((run) => [Buffer.from(run, 'base64').toString(), Buffer.from(run, 'hex').toString()])
  return [plain, ...unpacked].join('\n').toLowerCase()
}

describe.each(HOLDERS)('toRedisError, with the password of %s', (_name, redis) => {
  it.each(TEXTS)('repeats nothing of it in %j', (text) => {
    for (const error of [new Error(text), Object.assign(new Error('ERR'), { name: text, code: text })]) {
      const failed = toRedisError('enqueue', error, { redis })
      const shown = readText([inspect(failed, { depth: null }), JSON.stringify(failed), String(failed)].join('\n'))
      expect(shown).not.toContain(PASSWORD.slice(0, 16))
      expect(shown).not.toContain(PASSWORD.slice(-16))
      expect(failed).toMatchObject({ code: 'queue-failed', operation: 'enqueue', retryable: true })
    }
  })

  it('keeps the words that say no secret', () => {
    const failed = toRedisError('settle', new Error('ERR max number of clients reached'), { redis })
    expect(failed).toMatchObject({ reason: 'ERR' })
    expect(inspect(failed, { depth: null })).toContain('max number of clients reached')
  })
})

it('toRedisError takes connections without options', () => {
  for (const redis of [undefined, {}, { options: {} }, { options: { password: 7 } }]) {
    expect(toRedisError('connect', new Error('ERR no'), { redis })).toMatchObject({ reason: 'ERR' })
  }
})
