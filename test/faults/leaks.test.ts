import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createFakeCloudApi } from '../../src/testing/fake-cloud-api.js'
import { createLastingFaults } from './lasting-faults.js'
import type { Holdings, LeakReport, LeakTask } from './leaks-child.js'
import { createS3StandIn } from './s3-stand-in.js'

const TRANSFERS = 1_000

/** Two kilobytes a transfer. What the engine compiles and caches in the meantime takes about half of it. */
const MEMORY_SLACK = 2_000 * TRANSFERS

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
const store = { bucket: 'media', region: 'eu-central-1', credentials }
const closers: (() => Promise<unknown>)[] = []

async function runChild(task: LeakTask): Promise<LeakReport> {
  const child: ChildProcess = fork(fileURLToPath(new URL('./leaks-child.ts', import.meta.url)), {
    execArgv: ['--expose-gc', '--import', 'tsx'],
  })
  closers.push(async () => child.kill())
  return new Promise((resolve, reject) => {
    child.once('message', (report: LeakReport) => resolve(report))
    child.once('exit', (code) => reject(new Error(`the child ended with ${code} and without a report`)))
    child.once('error', reject)
    child.send(task)
  })
}

describe('a thousand failed transfers', () => {
  let report: LeakReport
  let before: Holdings
  let after: Holdings

  beforeAll(async () => {
    const api = await createFakeCloudApi()
    const s3 = await createS3StandIn()
    closers.push(api.close, s3.close)
    const lasting = await createLastingFaults({
      ...{ api, s3, store, accountId: 'leaks' },
      media: { mimeType: 'text/plain', mediaType: 'document' },
    })
    closers.push(lasting.close)
    report = await runChild({
      transfers: TRANSFERS,
      atOnce: 16,
      archive: { accountId: 'leaks', accessToken: api.accessToken, cloudApi: api.cloudApi },
      faults: lasting.faults,
      store,
    })
    before = report.before
    after = report.after
  }, 180_000)
  afterAll(() => Promise.all(closers.map((close) => close())))

  it('all fail', () => {
    expect(report).toMatchObject({ failures: TRANSFERS, successes: [] })
  })

  it('leave no connection, no timer and no other active resource', () => {
    expect(after.resources).toEqual(before.resources)
    for (const kind of ['TCPSocketWrap', 'Timeout']) expect(after.resources).not.toHaveProperty(kind)
  })

  it('leave no listener on the process or on the signal that they share', () => {
    expect(after.processListeners).toEqual(before.processListeners)
    expect(after.abortListeners).toBe(0)
  })

  it('make Node warn of nothing', () => {
    expect(report.warnings).toEqual([])
  })

  it('leave no memory in use', () => {
    expect(after.memory - before.memory).toBeLessThan(MEMORY_SLACK)
  })
})
