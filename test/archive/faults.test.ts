import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createFileSystemStorage } from '../../src/storage/file-system.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { expectNothingStored, SOURCE_FAULTS, STORE_FAULTS } from '../transfer-faults.js'

const faults = [...SOURCE_FAULTS, ...STORE_FAULTS]

describe.concurrent('archiveMedia into memory', () => {
  it.each(faults)('ends $name in the right error, and stores nothing', (fault) =>
    expectNothingStored(fault, createMemoryStorage(), 'faults/'),
  )
})

describe('archiveMedia into the file system', () => {
  let directory = ''
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'archive-faults-'))
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  it.concurrent.each(faults)('ends $name in the right error, and stores nothing', (fault) =>
    expectNothingStored(fault, createFileSystemStorage({ directory }), `${fault.name.replaceAll(/\W/g, '-')}/`),
  )

  it('leaves no temporary file behind', async () => {
    expect(await readdir(join(directory, '.incoming'))).toEqual([])
  })
})
