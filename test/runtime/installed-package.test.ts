import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Module } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { isInstalled, requireInstalled } from '../../src/runtime/installed-package.js'

const root = mkdtempSync(join(tmpdir(), 'installed-'))
const app = join(root, 'app', 'src', 'main.js')
afterAll(() => rmSync(root, { recursive: true, force: true }))

function install(name: string, manifest: object, files: readonly string[]): void {
  const folder = join(root, 'app', 'node_modules', name)
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), `exports.file = ${JSON.stringify(file)}`)
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
}

describe('requireInstalled', () => {
  it.each<[string, object, string, string | undefined]>([
    ['main', { main: './dist/cjs.js' }, 'dist/cjs.js', undefined],
    ['main without an extension', { main: 'dist/cjs' }, 'dist/cjs.js', undefined],
    ['no main', {}, 'index.js', undefined],
    ['a part of a package without exports', {}, 'part.js', 'part.js'],
    ['exports, a text', { exports: './a.js', main: './b.js' }, 'a.js', undefined],
    ['exports, conditions', { exports: { import: './a.mjs', require: './a.cjs' } }, 'a.cjs', undefined],
    ['exports, an entry', { exports: { '.': './a.js' } }, 'a.js', undefined],
    ['the first condition that fits', { exports: { '.': { node: './n.js', require: './r.js' } } }, 'n.js', undefined],
    ['the default', { exports: { '.': { browser: './b.js', default: './d.js' } } }, 'd.js', undefined],
    ['conditions in conditions', { exports: { node: { import: './i.mjs', require: './r.js' } } }, 'r.js', undefined],
    [
      'a condition without its kind',
      { exports: { node: { import: './i.mjs' }, default: './d.js' } },
      'd.js',
      undefined,
    ],
    ['a part', { exports: { '.': './a.js', './config': { types: './t.ts', node: './c.js' } } }, 'c.js', 'config'],
  ])('loads by %s', (_name, manifest, file, part) => {
    const name = `@example/${encodeURIComponent(_name).replaceAll('%', '').toLowerCase()}`
    install(name, manifest, [file])
    expect(requireInstalled({ name, part }, app)).toEqual({ file })
    expect(isInstalled(name, app)).toBe(true)
  })

  it.each<[string, object, string | undefined]>([
    ['a part that is not shown', { exports: { '.': './a.js' } }, 'config'],
    ['a part of a package with one entry', { exports: './a.js' }, 'config'],
    ['a package for others', { exports: { browser: './a.js' } }, undefined],
    ['a list, which nobody writes', { exports: { '.': ['./a.js'] } }, undefined],
  ])('finds no file of %s', (_name, manifest, part) => {
    install('hidden', manifest, ['a.js'])
    expect(requireInstalled({ name: 'hidden', part }, app)).toBeUndefined()
  })

  it.each<[string, unknown]>([
    ['not installed', app],
    ['asked for from nowhere', 'main.js'],
    ['asked for by a URL that is none of a file', 'https://a.test/main.js'],
    ['asked for by a bundle, which has no URL', null],
  ])('finds no package that is %s', (_name, from) => {
    expect(requireInstalled({ name: 'none' }, from as string)).toBeUndefined()
    expect(isInstalled('none', from as string)).toBe(false)
  })

  it('finds no package of the name of a module of Node’s', () => {
    expect(isInstalled('fs', app)).toBe(false)
  })

  it('finds the packages of this library itself', () => {
    expect(isInstalled('@aws-sdk/client-s3')).toBe(true)
    expect(requireInstalled({ name: '@smithy/core', part: 'config' })).toHaveProperty('loadConfig')
  })

  it('looks in no folder that is not the app’s', () => {
    install('global', {}, ['index.js'])
    const globals = vi.spyOn(Module, 'globalPaths' as never, 'get' as never)
    globals.mockReturnValue([join(root, 'app', 'node_modules')] as never)
    expect(isInstalled('global', app)).toBe(false)
    globals.mockRestore()
    expect(isInstalled('global', app)).toBe(true)
  })

  it.each<[string, unknown]>([
    ['Workers, which have no process', undefined],
    ['an older runtime', { versions: {} }],
    ['Deno, which asks its user first', { versions: { deno: '2.9.6' }, getBuiltinModule: () => ({}) }],
    ['a runtime without modules of files', { versions: {}, getBuiltinModule: () => undefined }],
  ])('finds nothing on %s', (_name, runtime) => {
    vi.stubGlobal('process', runtime)
    const found = isInstalled('@aws-sdk/client-s3', app)
    vi.unstubAllGlobals()
    expect(found).toBe(false)
  })
})
