import { afterEach, expect, it, vi } from 'vitest'
import { webOptionsFromEnv } from '../../examples/bullmq.js'
import { appOptionsFromEnv } from '../../examples/express.js'
import { webhookOptionsFromEnv, workerOptionsFromEnv } from '../../examples/lambda.js'
import { configFromEnv } from '../../src/config-from-env.js'
import { fakeProxyAgents } from '../http/fake-proxy-agents.js'

const NOWHERE = 'http://127.0.0.1:1'
const QUEUE_URL = 'https://sqs.us-east-1.amazonaws.com/111122223333/media'
const ENV = {
  S3_BUCKET_NAME: 'example-bucket',
  AWS_REGION: 'us-east-1',
  S3_ENDPOINT: NOWHERE,
  WHATSAPP_PHONE_NUMBER_ID: '123',
  WHATSAPP_ACCESS_TOKEN: 'example-token',
  WHATSAPP_APP_SECRET: 'example-app-secret',
  WHATSAPP_VERIFY_TOKEN: 'example-verify-token',
  REDIS_URL: 'redis://127.0.0.1:1',
  QUEUE_URL,
  DEAD_LETTER_QUEUE_URL: `${QUEUE_URL}-dead`,
}

afterEach(() => void vi.restoreAllMocks())

/** What each example gives to its archive; those of NestJS and Mongoose take the options of Express. */
const EXAMPLES = {
  Express: appOptionsFromEnv,
  BullMQ: (env: NodeJS.ProcessEnv) => webOptionsFromEnv(env).archive,
  'Lambda webhook': (env: NodeJS.ProcessEnv) => webhookOptionsFromEnv(env).archive,
  'Lambda worker': (env: NodeJS.ProcessEnv) => workerOptionsFromEnv(env).archive,
}

it.each(Object.entries(EXAMPLES))(
  'the %s example asks Meta and S3 through the proxy of the environment',
  async (_name, read) => {
    fakeProxyAgents({ readsProxyEnv: true })
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'example')
    const env = { ...ENV, HTTP_PROXY: 'http://proxy.example:3128' }
    const { http, storage } = read(env)
    const agent = configFromEnv(env).agent?.http
    if (agent === undefined || http === undefined || typeof storage === 'function')
      throw new Error('no agent, or no client')
    const connect = vi.spyOn(agent, 'createConnection')

    const request = { method: 'GET', url: NOWHERE, headers: {}, signal: AbortSignal.timeout(5_000) } as const
    await expect(http(request)).rejects.toThrow()
    expect(connect).toHaveBeenCalledTimes(1)
    await expect(storage.head('whatsapp-media/a')).rejects.toThrow()
    expect(connect.mock.calls.length).toBeGreaterThan(1)
    vi.unstubAllEnvs()
  },
)

it.each(Object.entries(EXAMPLES))('the %s example has no HTTP client of its own without a proxy', (_name, read) => {
  expect(read(ENV).http).toBeUndefined()
})
