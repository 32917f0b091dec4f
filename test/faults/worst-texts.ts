import { describe, expect, it } from 'vitest'

/** Characters of each text. */
export const LENGTH = 1_000_000

/** Repeated, each is the worst of some pattern, normalisation or loop. */
const UNITS = [
  ...[
    '\u0316\u0301',
    '\uff9e\u0316',
    '\u0344',
    'e\u0301',
    '\u1161\u11a8',
    '\ufdfa',
    '\ufb01',
    '\u{1d15e}',
    '\u{1f600}',
  ],
  ...[
    '\ud800',
    '\u200b',
    'a\u200b',
    '\u00a0',
    '\u0660',
    '\u0007',
    '\n',
    '\r\n',
    ' ',
    '\t ',
    'a',
    'A',
    'aA1',
    '1',
    '1-',
  ],
  ...['1 ', '1.', '+1', '+', '@', '12345678 ', '.', 'a.b', 'x.pdf', '.pdf', '/', '/a', 'a/', '\\', '\\\\/', '-', '-a'],
  ...[
    '%41',
    '%25',
    String.raw`\u0041`,
    String.raw`\x41`,
    '&#65;',
    '&amp;',
    '"',
    '"a',
    "'",
    '(',
    ',',
    ';',
    '=',
    '<',
    '{',
  ],
  ...[
    '{"',
    '[',
    '<Code>',
    'http://',
    'https://a?',
    '://',
    'EAA',
    'EAAa',
    'Bearer ',
    'Basic ',
    'wamid.',
    'QUJD',
    'FwoG',
  ],
  ...[
    'hash=',
    '?sig=',
    'access_token="',
    'x-amz-a: ',
    'x-amz-security-token',
    'token: ',
    'arn:aws:kms:',
    'at a:1:1\n    ',
  ],
  ...[
    'W/"',
    '"x" ',
    'bytes=1-',
    '&#1',
    '&#x41;',
    '<Message>',
    '(12345) ',
    'READONLY ',
    ' OOM',
    "'@a/b'",
    'imported from ',
  ],
  ...[
    '"total_time":1,',
    "expecting '",
    'max-age=',
    ' ,',
    ', ',
    'filename=a',
    'Content-Type: ',
    '"error":{',
    '\\/node_modules\\/',
  ],
  ...['"call_count": ', '"estimated_time_to_regain_access":', 'filename="', 'ext=1&'],
]

/** What takes time in the square of the length takes from 5 s to hours here; all else, milliseconds. */
const MOST_CPU_MS = 3_000

/** Reads what strangers, servers or files choose. */
export type Readers = Readonly<Record<string, (text: string) => unknown>>

/** Gives each reader 1 MB of the worst, in CPU time. */
export function testReaders(readers: Readers): void {
  describe.each(Object.entries(readers))('%s', (_name, read) => {
    it('takes time in proportion to the length of 1 MB at most', async () => {
      for (const unit of UNITS) {
        const text = unit.repeat(LENGTH / unit.length)
        const before = process.cpuUsage()
        try {
          await read(text)
        } catch {
          // A refusal is an answer, too.
        }
        const { user, system } = process.cpuUsage(before)
        expect({ unit, isSlow: (user + system) / 1_000 > MOST_CPU_MS }).toEqual({ unit, isSlow: false })
      }
    })
  })
}
