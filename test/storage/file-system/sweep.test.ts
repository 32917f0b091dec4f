import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { createSweeper } from '../../../src/storage/file-system/sweep.js'
import { temporaryDirectory } from './fixture.js'

const faults = vi.hoisted(() => ({ at: '', code: '' }))
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>()
  const failing = Object.entries(real).map(([name, call]) => [
    name,
    typeof call !== 'function'
      ? call
      : (...given: unknown[]) =>
          faults.at === name
            ? Promise.reject(Object.assign(new Error('no'), { code: faults.code }))
            : Reflect.apply(call, undefined, given),
  ])
  return Object.fromEntries(failing)
})

const directory = temporaryDirectory()
const OLD = new Date(Date.now() - 3 * 24 * 60 * 60 * 1_000)

describe('createSweeper', () => {
  it.each([
    ['readdir', 'EMFILE', true],
    ['readdir', 'ENFILE', true],
    ['readdir', 'ENOMEM', true],
    ['readdir', 'ENOENT', false],
    ['readdir', 'EACCES', false],
    ['lstat', 'EMFILE', true],
    ['lstat', 'ENOENT', false],
    ['rm', 'EMFILE', true],
    ['rm', 'EBUSY', true],
    ['rm', 'EIO', true],
    ['rm', 'EPERM', false],
    ['rm', 'EROFS', false],
  ])('after %s failed with %s, looks at the drafts again: %s', async (at, code, isAgain) => {
    const incoming = join(directory.path, 'incoming')
    await fs.mkdir(incoming)
    await fs.writeFile(join(incoming, 'old'), 'x')
    await fs.utimes(join(incoming, 'old'), OLD, OLD)
    const sweeper = createSweeper(directory.path, incoming)
    Object.assign(faults, { at, code })
    await sweeper.sweepDrafts()
    faults.at = ''
    expect(await fs.readdir(incoming)).toEqual(['old'])
    await sweeper.sweepDrafts()
    expect(await fs.readdir(incoming)).toEqual(isAgain ? [] : ['old'])
  })

  it('looks at sidecars again when it could not read one', async () => {
    const folder = join(directory.path, '.meta', 'ab')
    await fs.mkdir(folder, { recursive: true })
    const orphan = join(folder, '1-5.json')
    await fs.writeFile(orphan, JSON.stringify({ key: 'gone' }))
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * 24 * 60 * 60 * 1_000 })
    const sweeper = createSweeper(directory.path, join(directory.path, 'incoming'))
    Object.assign(faults, { at: 'readFile', code: 'EMFILE' })
    await sweeper.sweepBeside(join(folder, 'mine.json'))
    faults.at = ''
    expect(await fs.readdir(folder)).toEqual(['1-5.json'])
    await sweeper.sweepBeside(join(folder, 'mine.json'))
    vi.useRealTimers()
    expect(await fs.readdir(folder)).toEqual([])
  })
})
