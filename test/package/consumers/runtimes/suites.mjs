// The duties of storages and queues, on any runtime.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInProcessQueue } from 'whatsapp-media-archive/queues/in-process'
import { createFileSystemStorage } from 'whatsapp-media-archive/storage/file-system'
import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
import { queueConformance, storageConformance } from 'whatsapp-media-archive/testing'

const directory = mkdtempSync(join(tmpdir(), 'runtimes-'))
const cases = [
  ...storageConformance({ storage: createMemoryStorage }),
  ...storageConformance({ storage: () => createFileSystemStorage({ directory }) }),
  ...queueConformance({ open: () => ({ queue: createInProcessQueue() }), isDurable: false }),
]
assert.ok(cases.length > 80)
const outcomes = await Promise.allSettled(cases.map(({ run }) => run()))
rmSync(directory, { recursive: true })
const broken = outcomes.flatMap(({ reason }, at) => (reason === undefined ? [] : [[cases[at].name, reason.stack]]))
assert.deepEqual(broken, [])
