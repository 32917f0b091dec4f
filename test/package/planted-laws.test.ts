import { describe, expect, it } from 'vitest'
import { findBrokenLaws, findOfNames, measureSharedNames } from './laws.js'

const lines = (count: number): string => '\n'.repeat(count)
const SURFACE = [
  'media-archive',
  'archive',
  'download',
  'flow-media',
  'key',
  'upload',
  'signed-url',
  'sending',
  'errors',
]
  .map((door) => `// About ${door}.\nexport { a } from './${door}.js'\n`)
  .join('\n')

function planted(sources: Record<string, string>): string[] {
  return findBrokenLaws(new Map(Object.entries(sources)))
}

describe('findBrokenLaws', () => {
  it('accepts files that keep every law', () => {
    expect(
      planted({
        'index.ts': SURFACE,
        'media-archive.ts': `export function createA() {${lines(49)}}`,
        'media-reference.ts': 'export interface MediaReference { context: Context }',
        'file-type/mime/table.ts': lines(1000),
        'errors.ts': `export class GraphApiError extends WhatsAppMediaError {}${lines(500)}`,
        'events.ts': 'export const webhook = 1',
        'errors/checks.ts': `import type { WhatsAppMediaError } from '../errors.js'${lines(299)}`,
        'http.ts': '// What S3 and Graph answer.',
        'storage/s3.ts': 'export const s3Bucket = 1',
        'queues/sqs.ts': 'export const x = 1',
        'queues/sqs/send.ts': 'function read(context: unknown) { const Answer = context; return Answer }',
      }),
    ).toEqual([])
  })

  it.each([
    [
      "2: a file that repeats its folder's name",
      { 'queues/sqs/sqs-send.ts': '' },
      "queues/sqs/sqs-send repeats its folder's name",
    ],
    ['2: a file named as its folder', { 'errors/errors.ts': '' }, "errors/errors repeats its folder's name"],
    [
      '2: two files of a folder that begin alike',
      { 'queues/sqs-send.ts': '', 'queues/sqs-poll.ts': '' },
      'queues has several files that begin with sqs',
    ],
    [
      '2: a part beside its whole',
      { 'file-type/mime.ts': '', 'file-type/mime-table.ts': '' },
      'file-type has several files that begin with mime',
    ],
    [
      '2: a part beside a door of the design',
      { 'media-archive.ts': '', 'media-archive-close.ts': '', 'media-failure.ts': '' },
      'src has several files that begin with media',
    ],
    ['4: a function that is called nothing', { 'key.ts': 'const Answer = () => 1' }, 'key.ts calls something Answer'],
    ['4: a type that is called nothing', { 'key.ts': 'export type Facts = 1' }, 'key.ts calls something Facts'],
    ['4: an interface that is called nothing', { 'key.ts': 'interface Context {}' }, 'key.ts calls something Context'],
    ['4: a bound name that says nothing', { 'key.ts': 'const { a: [Place] } = b' }, 'key.ts calls something Place'],
    [
      '5: a ground that speaks of a store',
      { 'errors/checks.ts': 'export function checkS3Key() {}' },
      'errors/checks.ts is on the ground and speaks of checkS3Key',
    ],
    [
      '5: a ground that speaks of WhatsApp',
      { 'timing/retry.ts': 'retry(error.graphCode)' },
      'timing/retry.ts is on the ground and speaks of graphCode',
    ],
    ['6: a long file', { 'key.ts': lines(301) }, 'key.ts has more than 300 lines'],
    ['6: a long generated table elsewhere', { 'mime-table.ts': lines(301) }, 'mime-table.ts has more than 300 lines'],
    ['6: a long function', { 'key.ts': `function build() {${lines(50)}}` }, 'key.ts has more than 50 lines in build'],
    ['6: a long arrow', { 'key.ts': `const build = () => {${lines(50)}}` }, 'key.ts has more than 50 lines in build'],
    [
      '6: a long method',
      { 'key.ts': `const a = { build() {${lines(50)}} }` },
      'key.ts has more than 50 lines in build',
    ],
    [
      '6: a long function without a name',
      { 'key.ts': `run(() => {${lines(50)}})` },
      'key.ts has more than 50 lines in (no name)',
    ],
    [
      '6: a long constructor',
      { 'errors.ts': `class A { constructor() {${lines(50)}} }` },
      'errors.ts has more than 50 lines in constructor',
    ],
    [
      '7: a group of the surface without a comment',
      { 'index.ts': SURFACE.replace('// About key.\n', '') },
      "index.ts begins a group without a line of comment: export { a } from './key.js'",
    ],
    [
      '7: a surface in another order',
      { 'index.ts': `// About errors.\nexport { b } from './errors.js'\n\n${SURFACE}` },
      'index.ts has its groups in the order errors, media-archive, archive, download, flow-media, key, upload, signed-url, sending, errors,' +
        ' not media-archive, archive, download, flow-media, key, upload, signed-url, sending, errors',
    ],
  ])('finds %s', (_name, sources, sentence) => {
    expect(planted(sources)).toEqual([sentence])
  })
})

describe('measureSharedNames', () => {
  it('counts a name of two files once, and overloads of one file not at all', () => {
    const { share, all, shared } = measureSharedNames(
      new Map([
        ['a.ts', 'export function read(a: string): void\nexport function read(a: number): void\nfunction ask() {}'],
        ['b.ts', 'const ask = 1, put = 2\nimport { read } from "./a.js"\nexport { read }'],
        ['c.ts', 'type ask = 1; interface Held {}'],
      ]),
    )
    expect(shared).toEqual(new Map([['ask', ['a.ts', 'b.ts', 'c.ts']]]))
    expect([all, share]).toEqual([4, 1 / 4])
  })
})

describe('findOfNames', () => {
  it('finds functions, not other names, and lets checkOneOf be', () => {
    const text = 'function sizeOf() {}\nconst keyOf = () => 1\nconst partOf = 2\nfunction checkOneOf() {}'
    expect(findOfNames(new Map([['a.ts', text]]))).toEqual(['a.ts: sizeOf', 'a.ts: keyOf'])
  })
})
