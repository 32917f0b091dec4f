import { describe, expect, it } from 'vitest'
import * as adapters from './misuse/adapters.js'
import * as flow from './misuse/flow.js'
import { type Refusal, type Row, readRefusal, refuse, SECRET } from './misuse/row.js'
import * as kit from './misuse/test-kit.js'

/** The misuses by what they concern: those of factories and plain functions throw, those of async functions reject. */
const TABLES: readonly [concern: string, how: Refusal['how'], rows: readonly Row[]][] = [
  ['archive, download, upload and sign', 'rejected', flow.FLOW_ROWS],
  ['keys', 'thrown', flow.KEY_ROWS],
  ['createMediaArchive', 'thrown', flow.ARCHIVE_OPTION_ROWS],
  ['the functions of an archive', 'rejected', flow.buildArchiveRows()],
  ['webhooks', 'thrown', adapters.WEBHOOK_ROWS],
  ['the functions of a webhook handler', 'rejected', adapters.buildHandlerRows()],
  ['storages and signers', 'thrown', adapters.STORAGE_ROWS],
  ['probeS3', 'rejected', adapters.PROBE_ROWS],
  ['queues and HTTP clients', 'thrown', adapters.QUEUE_ROWS],
  ['the functions of a queue', 'rejected', adapters.buildQueueRows()],
  ['faults, webhooks of tests and the environment', 'thrown', kit.TEST_KIT_ROWS],
  ['the media of the fake API', 'rejected', kit.MEDIA_ROWS],
]

describe.each(TABLES)('%s', (_concern, how, rows) => {
  it.each(rows)('refuse %s', async (_what, run, option, says) => {
    const refusal = await refuse(run)
    const { message, ...rest } = readRefusal(refusal)
    expect({ ...rest, how: refusal.how }).toEqual({ code: 'invalid-option', option, how })
    expect(message).toContain(says)
    expect(message).not.toContain(SECRET)
  })
})
