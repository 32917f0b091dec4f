import { expect, it } from 'vitest'
import { choosePaint, PLAIN_PAINT } from '../../src/cli/paint.js'

it.each<[string, { isTTY?: boolean }, Record<string, string>, boolean]>([
  ['a terminal', { isTTY: true }, {}, true],
  ['a pipe', { isTTY: false }, {}, false],
  ['a file', {}, {}, false],
  ['NO_COLOR', { isTTY: true }, { NO_COLOR: '1' }, false],
  ['an empty NO_COLOR', { isTTY: true }, { NO_COLOR: '' }, true],
  ['NODE_DISABLE_COLORS', { isTTY: true }, { NODE_DISABLE_COLORS: '1' }, false],
  ['a dumb terminal', { isTTY: true }, { TERM: 'dumb' }, false],
  ['FORCE_COLOR in a pipe', {}, { FORCE_COLOR: '' }, true],
  ['FORCE_COLOR beside NO_COLOR, as in Node', {}, { FORCE_COLOR: '3', NO_COLOR: '1' }, true],
  ['FORCE_COLOR=0', { isTTY: true }, { FORCE_COLOR: '0' }, false],
  ['FORCE_COLOR=false', { isTTY: true }, { FORCE_COLOR: 'false' }, false],
])('choosePaint heeds %s', (_what, terminal, env, isColoured) => {
  const paint = choosePaint(terminal, env)
  expect(paint('bad', 'text')).toBe(isColoured ? '\u001b[31mtext\u001b[39m' : 'text')
})

it('PLAIN_PAINT leaves a text as it is', () => {
  expect(PLAIN_PAINT('good', 'text')).toBe('text')
})
