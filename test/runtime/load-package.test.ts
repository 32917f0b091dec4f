import fs from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { findPackage, loadPackage } from '../../src/runtime/load-package.js'

const thrown = (message: string, fields: object = {}): Error => Object.assign(new Error(message), fields)
const ABSENT = { name: '@example/none', install: '@example/none @example/other' }
const versions = Object.getOwnPropertyDescriptor(process, 'versions')

afterEach(() => {
  vi.restoreAllMocks()
  if (versions !== undefined) Object.defineProperty(process, 'versions', versions)
})

describe('loadPackage', () => {
  it('returns what it loads', async () => {
    expect(await loadPackage(ABSENT, async () => 'loaded')).toBe('loaded')
  })

  it('returns what `require` gives in place of a namespace without names', async () => {
    const whole = { S3Client: class {} }
    expect(await loadPackage(ABSENT, async () => ({ default: whole, 'module.exports': whole }))).toBe(whole)
    const namespace = { default: 5 }
    expect(await loadPackage(ABSENT, async () => namespace)).toBe(namespace)
  })

  it.each([
    ['Node', thrown("Cannot find package '@example/none' imported from /app/x.js", { code: 'ERR_MODULE_NOT_FOUND' })],
    [
      'Node, by its file,',
      thrown("Cannot find package '/app/node_modules/@example/none/index.js' imported from /app/x.js", {
        code: 'ERR_MODULE_NOT_FOUND',
      }),
    ],
    [
      'Windows',
      thrown(String.raw`Cannot find package 'C:\app\node_modules\@example\none\index.js' imported from C:\app\x.js`, {
        code: 'ERR_MODULE_NOT_FOUND',
      }),
    ],
    ['require', thrown("Cannot find module '@example/none'\nRequire stack:\n- /x", { code: 'MODULE_NOT_FOUND' })],
    ['Jest', thrown("Cannot find module '@example/none' from 'node_modules/x.cjs'")],
    ['Bun', thrown("Cannot find package '@example/none' from '/app/x.js'", { name: 'ResolveMessage' })],
    ['Deno', thrown('Could not find package "npm:@example/none@^3"', { name: 'TypeError' })],
    ['Workers', thrown('No such module "@example/none".')],
    ['Vite', thrown('Failed to resolve import "@example/none" from "src/x.ts"')],
    ['Plug’n’Play', thrown('The app tried to access a package that it does not declare', { code: 'MODULE_NOT_FOUND' })],
    ['a part of it', thrown("Cannot find module '@example/none/part.js'", { code: 'MODULE_NOT_FOUND' })],
  ])('names a package that %s does not find, and the command to install it', async (_name, error) => {
    await expect(loadPackage(ABSENT, () => Promise.reject(error))).rejects.toMatchObject({
      code: 'package-missing',
      message: 'The package @example/none is not installed: npm install @example/none @example/other',
    })
  })

  it.each([
    [thrown("Cannot find package '@example/x' imported from /app", { code: 'ERR_MODULE_NOT_FOUND' }), '@example/x'],
    [thrown("Cannot find module 'no-such'", { code: 'MODULE_NOT_FOUND' }), 'does not find no-such'],
    [thrown('No "exports" main defined', { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' }), 'is broken'],
    [thrown('Unexpected token', { name: 'SyntaxError' }), 'does not fit this runtime'],
    ['a text', 'is broken'],
  ])('tells a package that is there and does not load: %s', async (error, problem) => {
    const loading = loadPackage({ name: '@example/none' }, () => Promise.reject(error))
    await expect(loading).rejects.toMatchObject({
      code: 'package-broken',
      message: expect.stringMatching(new RegExp(`${problem}.*npm install @example/none$`)),
    })
  })

  it.each([
    thrown("Cannot find module '@smithy/core/config'", { code: 'MODULE_NOT_FOUND' }),
    thrown("Cannot find package 'bullmq' imported from elsewhere\n", { code: 'ERR_MODULE_NOT_FOUND' }),
  ])('tells a dependency that is installed, and that Node does not find: %s', async (error) => {
    if (error.message.includes('bullmq')) Object.assign(error, { requireStack: [import.meta.filename] })
    await expect(loadPackage(ABSENT, () => Promise.reject(error))).rejects.toMatchObject({
      code: 'package-unreadable',
      message: expect.stringMatching(/is installed, and was not found.*Restart the process/),
    })
  })

  it.each(['EMFILE', 'ENFILE', 'ENOMEM', 'EIO'])('hands on %s, which passes', async (code) => {
    const full = thrown('no', { code })
    await expect(loadPackage(ABSENT, () => Promise.reject(full))).rejects.toBe(full)
    await expect(findPackage(ABSENT, () => Promise.reject(full))).rejects.toBe(full)
  })

  it.each<[string, unknown]>([
    ['EMFILE, for ever', thrown('too many open files', { code: 'EMFILE' })],
    ['what Node 24 says', thrown('Cannot read package config /a/package.json: too many open files.')],
    ['that it is not there', thrown("Cannot find package '@aws-sdk/client-sqs'", { code: 'ERR_MODULE_NOT_FOUND' })],
    [
      'that its file is not there',
      thrown("Cannot find package '/a/node_modules/@aws-sdk/client-sqs/index.js'", { code: 'ERR_MODULE_NOT_FOUND' }),
    ],
    ['that require does not find it', thrown("Cannot find module '@aws-sdk/client-sqs'", { code: 'MODULE_NOT_FOUND' })],
  ])('loads a package by its file when import() answers %s', async (_name, error) => {
    const { SQSClient } = await import('@aws-sdk/client-sqs')
    const found = await loadPackage({ name: '@aws-sdk/client-sqs' }, () => Promise.reject(error))
    expect(found).toHaveProperty('SQSClient', SQSClient)
    const part = { name: '@smithy/core', part: 'config' }
    expect(await loadPackage(part, () => Promise.reject(error))).toHaveProperty('loadConfig')
  })

  it('reads nothing while no file descriptor is left, and loads as soon as there is one', async () => {
    const full = thrown('too many open files', { code: 'EMFILE' })
    const open = vi.spyOn(fs, 'openSync').mockImplementation(() => {
      throw full
    })
    const load = vi.fn(async () => 'loaded')
    const asked = { name: '@example/later' }
    for (let times = 0; times < 3; times++) await expect(loadPackage(asked, load)).rejects.toBe(full)
    expect(load).not.toHaveBeenCalled()
    open.mockRestore()
    expect(await loadPackage(asked, load)).toBe('loaded')
    // Loaded packages are in memory.
    const counted = vi.spyOn(fs, 'openSync')
    expect(await loadPackage(asked, load)).toBe('loaded')
    expect(counted).not.toHaveBeenCalled()
  })

  it('ends its wait for descriptors with those that it has opened', async () => {
    const close = vi.spyOn(fs, 'closeSync')
    const open = fs.openSync
    let left = 5
    vi.spyOn(fs, 'openSync').mockImplementation((...given) => {
      if (left-- > 0) return open(...given)
      throw thrown('no', { code: 'ENFILE' })
    })
    await expect(loadPackage({ name: '@example/few' }, async () => 1)).rejects.toMatchObject({ code: 'ENFILE' })
    expect(close).toHaveBeenCalledTimes(5)
  })

  it('loads where no file may be read', async () => {
    vi.spyOn(fs, 'openSync').mockImplementation(() => {
      throw thrown('no', { code: 'ERR_ACCESS_DENIED' })
    })
    expect(await loadPackage({ name: '@example/shut' }, async () => 1)).toBe(1)
  })

  it('loads where there is no process, as on Workers', async () => {
    vi.stubGlobal('process', undefined)
    const loading = loadPackage({ name: '@example/edge' }, async () => 1)
    vi.unstubAllGlobals()
    expect(await loading).toBe(1)
  })

  it.each([
    [{ node: '20.19.0' }, true],
    [{ node: '24.0.0', bun: '1.4.5' }, true],
    [{ node: '22.12.0' }, false],
    [{ node: '24.21.0' }, false],
  ])('requires the package before it imports it on %j: %s', async (found, isRequired) => {
    Object.defineProperty(process, 'versions', { value: found, configurable: true })
    const exists = vi.spyOn(fs, 'existsSync')
    await loadPackage({ name: `@example/${JSON.stringify(found)}` }, async () => 1)
    expect(exists.mock.calls.length > 0).toBe(isRequired)
  })

  it('says what import() says of a package that does not run', async () => {
    const read = vi.spyOn(fs, 'readFileSync').mockImplementation(() => {
      throw thrown('no', { code: 'EMFILE' })
    })
    const gone = thrown("Cannot find package '@aws-sdk/client-sqs'", { code: 'ERR_MODULE_NOT_FOUND' })
    const asked = { name: '@aws-sdk/client-sqs', part: 'none' }
    await expect(loadPackage(asked, () => Promise.reject(gone))).rejects.toMatchObject({ code: 'package-unreadable' })
    expect(read).toHaveBeenCalled()
  })
})

describe('findPackage', () => {
  it('finds no package that is missing or broken', async () => {
    expect(await findPackage(ABSENT, async () => 'loaded')).toBe('loaded')
    for (const error of [thrown("Cannot find package '@example/none'"), thrown('Unexpected token'), 'a text']) {
      expect(await findPackage(ABSENT, () => Promise.reject(error))).toBeUndefined()
    }
  })
})
