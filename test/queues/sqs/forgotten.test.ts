import { setImmediate as nextTurn } from 'node:timers/promises'
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { connectSqs, type SqsConnection } from '../../../src/queues/sqs/connection.js'
import { type ForgetfulNetwork, openForgetfulNetwork } from '../../forgetful-network.js'
import { type SqsServer, startSqs } from './server.js'

let sqs: SqsServer
let network: ForgetfulNetwork
let queueUrl: string
beforeEach(async () => {
  sqs = await startSqs()
  network = await openForgetfulNetwork(sqs.endpoint)
  queueUrl = await sqs.createQueue()
  sqs.calls.length = 0
})
afterEach(async () => {
  vi.useRealTimers()
  await network.close()
  await sqs.close()
})

function open(): SqsConnection {
  const connection = connectSqs({ ...sqs.connectionTo(queueUrl), endpoint: network.origin })
  onTestFinished(() => connection.close())
  return connection
}

/** @returns the error's reason, or `done`. */
const CALLS: Readonly<Record<string, (connection: SqsConnection) => Promise<string>>> = {
  async send(connection) {
    const { error } = await connection.call({ operation: 'enqueue', limitMs: 60_000 }, (client, _sdk, options) =>
      client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: 'job' }), options),
    )
    return error?.reason ?? 'done'
  },
  async receive(connection) {
    const { error } = await connection.call({ operation: 'receive', limitMs: 60_000 }, (client, _sdk, options) =>
      client.send(new ReceiveMessageCommand({ QueueUrl: queueUrl, WaitTimeSeconds: 0 }), options),
    )
    return error?.reason ?? 'done'
  },
  async settle(connection) {
    const { error } = await connection.call({ operation: 'settle', limitMs: 60_000 }, (client, _sdk, options) =>
      client.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: 'x' }), options),
    )
    // The server knows no such message: that is an answer.
    return error === undefined || error.reason === 'ReceiptHandleIsInvalid' ? 'done' : error.reason
  },
}

async function settleSockets(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await nextTurn()
}

async function passTime<T>(run: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const clock = setInterval(() => vi.advanceTimersByTime(500), 10)
  try {
    return await run()
  } finally {
    clearInterval(clock)
    vi.useRealTimers()
  }
}

const FORGOTTEN = Object.keys(CALLS).flatMap((call) =>
  (['reset', 'silence'] as const).flatMap((how) => [1, 5].map((burst) => ({ call, how, burst }))),
)

describe('connections that the network has forgotten', () => {
  it.each(FORGOTTEN)('by $how cost a $call one new connection, of $burst', async ({ call, how, burst }) => {
    const connection = open()
    const run = async (): Promise<string | undefined> => CALLS[call]?.(connection)
    await Promise.all(Array.from({ length: burst }, run))
    await settleSockets()
    const idle = network.forget(how)
    expect(idle).toBeGreaterThan(0)
    expect(await (how === 'reset' ? run() : passTime(run))).toBe('done')
    expect(network.count()).toBe(idle + 1)
    // The dead one brought nothing there.
    expect(sqs.calls).toHaveLength(burst + 1)
    await settleSockets()
    expect(await run()).toBe('done')
    expect(network.count()).toBe(idle + 1)
  })

  it('are not told by a long poll that is quiet for its twenty seconds', async () => {
    const connection = open()
    const call = CALLS['receive']
    await call?.(connection)
    await settleSockets()
    sqs.fault = () => 'hang'
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const polling = call?.(connection)
    await vi.waitFor(() => expect(sqs.calls).toHaveLength(2))
    vi.advanceTimersByTime(24_000)
    for (let turn = 0; turn < 20; turn++) await nextTurn()
    expect(sqs.calls).toHaveLength(2)
    sqs.fault = () => undefined
    vi.advanceTimersByTime(2_000)
    expect(await polling).toBe('done')
    expect(sqs.calls).toHaveLength(3)
  })

  it('of a client of your own are its own matter', async () => {
    const client = new SQSClient({ ...sqs.connectionTo(queueUrl), endpoint: network.origin, maxAttempts: 1 })
    onTestFinished(() => client.destroy())
    const connection = connectSqs({ queueUrl, client })
    await CALLS['send']?.(connection)
    await settleSockets()
    network.forget('reset')
    expect(await CALLS['send']?.(connection)).toBe('ECONNRESET')
  })
})
