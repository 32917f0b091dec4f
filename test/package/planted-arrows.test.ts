import { describe, expect, it } from 'vitest'
import { readModules } from './import-graph.js'
import { brokenRules } from './layers.js'

/** What is broken in a library of these few files. */
function planted(sources: Record<string, string>): string[] {
  return brokenRules(readModules(new Map(Object.entries(sources))))
}

describe('brokenRules', () => {
  it('accepts a library that keeps every rule', () => {
    expect(
      planted({
        'errors.ts': 'export const a = 1',
        'storage.ts': "import type { a } from './errors.js'",
        'download.ts': "import { a } from './errors.js'; import type { s } from './storage.js'",
        'integrity/spool.ts': "import { open } from 'node:fs/promises'",
        'archive.ts': "export { d } from './download.js'; import './integrity/spool.js'",
        'index.ts': "export * from './archive.js'",
        'storage/s3.ts':
          "import { a } from '../errors.js'; import './s3/direct.js'; const sdk = await import('@aws-sdk/client-s3')",
        'storage/memory.ts': "import './checked-body.js'; import '../timing/abort.js'",
        'storage/checked-body.ts': "import '../errors.js'; import '../storage.js'",
        'storage/s3/direct.ts':
          "import type { s } from '../../storage.js'; import 'node:crypto'; import './direct/feed.js'",
        'storage/s3/direct/feed.ts': "import '../object.js'",
        'storage/s3/object.ts': '',
        'timing/abort.ts': '',
        'config-from-env.ts': 'export const c = (env = process.env) => env',
        'webhook/payload.ts': 'export const p = (m: { mime_type: string }) => m.mime_type',
        'media-archive.ts': "import './webhook/payload.js'",
        'cli.ts': "import './cli/demo.js'; import './storage/s3.js'",
        'cli/demo.ts': "import '../testing/fake-cloud-api.js'; console.log(process.env)",
        'testing/fake-cloud-api.ts': "export const file_size = 'mime_type'",
      }),
    ).toEqual([])
  })

  it.each([
    [
      'a cycle',
      { 'key/a.ts': "import './b.js'", 'key/b.ts': "import type { x } from './a.js'" },
      'cycle: key/a -> key/b -> key/a',
    ],
    [
      'an arrow upwards',
      { 'errors.ts': "import './download.js'", 'download.ts': '' },
      'errors imports download, which lies above it',
    ],
    [
      'an interface that imports a step',
      { 'storage.ts': "import type { x } from './upload.js'", 'upload.ts': '' },
      'storage imports upload, which lies above it',
    ],
    [
      'a step that imports an adapter',
      { 'upload.ts': "import './storage/memory.js'", 'storage/memory.ts': '' },
      'upload imports storage/memory, an adapter',
    ],
    [
      'a step that imports a vendor',
      { 'upload.ts': "import type { x } from '@aws-sdk/client-s3'" },
      'upload imports @aws-sdk/client-s3, a package that only an adapter loads',
    ],
    [
      'an adapter that imports a step',
      { 'storage/s3.ts': "export * from '../key.js'", 'key.ts': '' },
      'storage/s3 imports key, which is not its interface, its vendor or the ground',
    ],
    [
      "an adapter that imports another's vendor",
      { 'storage/memory.ts': "type X = import('@aws-sdk/client-s3').X" },
      'storage/memory imports @aws-sdk/client-s3, which is not its interface, its vendor or the ground',
    ],
    [
      'an adapter that imports another adapter',
      { 'storage/memory.ts': "require('./s3.js')", 'storage/s3.ts': '' },
      'storage/memory imports storage/s3, which is not its interface, its vendor or the ground',
    ],
    [
      'a shared part that imports a vendor',
      { 'storage/checked-body.ts': "import '@aws-sdk/client-s3'" },
      'storage/checked-body imports @aws-sdk/client-s3, which is not its interface, its vendor or the ground',
    ],
    [
      "an entry that reaches behind an adapter's door",
      { 'testing.ts': "import './storage/s3/feed.js'", 'storage/s3.ts': '', 'storage/s3/feed.ts': '' },
      'testing imports storage/s3/feed, which is private to its door',
    ],
    [
      'a command that reaches into another command',
      { 'cli/backfill.ts': "import './demo/page.js'", 'cli/demo.ts': '', 'cli/demo/page.ts': '' },
      'cli/backfill imports cli/demo/page, which is private to its door',
    ],
    [
      'an inside that imports its own door',
      { 'key/b.ts': "import type { x } from '../key.js'", 'key.ts': '' },
      'key/b imports key, its own door',
    ],
    [
      'an adapter that reaches behind a door of its own inside',
      { 'storage/s3.ts': "import './s3/direct/feed.js'", 'storage/s3/direct.ts': '', 'storage/s3/direct/feed.ts': '' },
      'storage/s3 imports storage/s3/direct/feed, which is private to its door',
    ],
    [
      "a step that reaches behind a door of another step's inside",
      { 'upload.ts': "import './file-type/mime/table.js'", 'file-type/mime.ts': '', 'file-type/mime/table.ts': '' },
      'upload imports file-type/mime/table, which is private to its door',
    ],
    [
      "a step that reaches into another step's inside on its own floor",
      { 'upload.ts': "import './download/look-up.js'", 'download/look-up.ts': '' },
      'upload imports download/look-up, which is private to its door',
    ],
    [
      'a module that stands on no floor',
      { 'index.ts': "import './stray.js'", 'stray.ts': '' },
      'index imports stray, which lies above it',
    ],
    [
      'a signer that imports a storage',
      { 'signers/cloudfront.ts': "import '../storage/s3.js'", 'storage/s3.ts': '' },
      'signers/cloudfront imports storage/s3, which is not its interface, its vendor or the ground',
    ],
    [
      "a signer that imports the storages' vendor",
      { 'signers/cloudfront.ts': "import '@aws-sdk/client-s3'" },
      'signers/cloudfront imports @aws-sdk/client-s3, which is not its interface, its vendor or the ground',
    ],
    [
      'an adapter that nobody named',
      { 'storage/tape.ts': "import '@aws-sdk/client-s3'" },
      'storage/tape imports @aws-sdk/client-s3, which is not its interface, its vendor or the ground',
    ],
    [
      'a root entry with an adapter',
      { 'index.ts': "export * from './storage/memory.js'", 'storage/memory.ts': '' },
      'index imports storage/memory, an adapter with an entry point of its own',
    ],
    [
      'a root entry that reaches a vendor',
      { 'index.ts': "import './testing.js'", 'testing.ts': "import { type X } from '@aws-sdk/client-s3'" },
      'the root entry reaches @aws-sdk/client-s3 through testing',
    ],
    [
      'a root entry that reaches the disk',
      { 'index.ts': "import './upload.js'", 'upload.ts': "import 'node:fs'" },
      'the root entry reaches node:fs through upload',
    ],
    ['a missing module', { 'upload.ts': "import './gone.js'" }, 'upload imports gone, which does not exist'],
    ['a computed import', { 'upload.ts': 'await import(name)' }, 'upload imports (computed), which cannot be checked'],
    ['process.env', { 'upload.ts': '\nprocess.env.X' }, 'upload reads process.env (line 2)'],
    ["process['env']", { 'upload.ts': "globalThis.process['env']" }, 'upload reads process.env (line 1)'],
    [
      'a name of the wire',
      { 'upload.ts': 'const x = y.mime_type' },
      'upload uses a name of the wire: mime_type (line 1)',
    ],
    [
      'a quoted name of the wire',
      { 'upload.ts': "x['file_size']" },
      'upload uses a name of the wire: file_size (line 1)',
    ],
  ])('finds %s', (_name, sources, problem) => {
    expect(planted(sources)).toEqual([problem])
  })
})
