import { expect, it } from 'vitest'
import { type Command, UsageError } from '../../src/cli/command.js'
import { findCommand, parseCommand } from '../../src/cli/parse-command.js'

const run = async () => 0
const one: Command = {
  name: 'one',
  argument: '<file>',
  description: '',
  options: [
    ['--account <id>', ''],
    ['--public-endpoint <url>', ''],
    ['--media-host <host>', ''],
    ['--json', ''],
    ['--no-probe', ''],
  ],
  run,
}
const many: Command = { name: 'many', argument: '<...mediaIds>', description: '', options: [], run }
const none: Command = { name: 'none', description: '', options: [], run }
const commands = [one, many, none]

const parse = (argv: readonly string[]) => parseCommand(argv, findCommand(argv, commands))
const read = (argv: readonly string[]) => {
  const line = parse(argv)
  return line.asks === 'run' ? { name: line.command.name, ...line.input } : line
}

it('parseCommand keeps the texts that were typed, not the numbers they look like', () => {
  const argv = ['one', '1', '--account', '007', '--public-endpoint=0x10', '--media-host', '1', '--json', '--no-probe']
  expect(read(argv)).toEqual({
    name: 'one',
    args: ['1'],
    flags: { account: '007', publicEndpoint: '0x10', mediaHost: '1', json: true, noProbe: true },
  })
})

it('parseCommand keeps all texts of an option that was repeated, and an empty one', () => {
  expect(read(['one', 'f', '--media-host', 'a', '--media-host=01', '--media-host', 'b'])).toMatchObject({
    flags: { mediaHost: ['a', '01', 'b'] },
  })
  expect(read(['one', 'f', '--account', ''])).toMatchObject({ flags: { account: '' } })
  expect(read(['one', 'f', '--json', '--json'])).toMatchObject({ flags: { json: true } })
})

it('parseCommand takes options before the name, what follows a switch as an argument, and a lone dash as a file', () => {
  expect(read(['--account', 'many', 'one', '-'])).toMatchObject({
    name: 'one',
    args: ['-'],
    flags: { account: 'many' },
  })
  expect(read(['one', '--json', '2026'])).toMatchObject({ args: ['2026'], flags: { json: true } })
  expect(read(['one', '--', '--json'])).toMatchObject({ args: ['--json'], flags: {} })
  expect(read(['one', 'f', '--account=--json'])).toMatchObject({ flags: { account: '--json' } })
  expect(read(['many', 'a', 'b'])).toMatchObject({ args: ['a', 'b'] })
})

it.each([
  [['one', 'f', '--nothing'], 'Unknown option `--nothing`'],
  [['one', 'f', '-x'], 'Unknown option `-x`'],
  [['one', 'f', '--no-json'], 'Unknown option `--no-json`'],
  [['none', '--constructor'], 'Unknown option `--constructor`'],
  [['one', 'f', '--account'], 'option `--account <id>` value is missing'],
  [['one', 'f', '--account', '--json'], 'option `--account <id>` value is missing'],
  [['one', 'f', '--json=yes'], 'option `--json` takes no value'],
  [['one'], 'missing required args for command `one <file>`'],
  [['many'], 'missing required args for command `many <...mediaIds>`'],
  [['one', 'a', 'b', 'c'], 'Unused args: `b`, `c`'],
  [['none', 'a'], 'Unused args: `a`'],
])('parseCommand refuses %j', (argv, message) => {
  expect(() => parse(argv)).toThrow(new UsageError(message))
})

it.each([
  [[], { asks: 'help', isMistake: false }],
  [['-h'], { asks: 'help', isMistake: false }],
  [['one', '--help'], { asks: 'help', isMistake: false, command: one }],
  [['two'], { asks: 'help', isMistake: true }],
  [['--version'], { asks: 'version' }],
  [['-v'], { asks: 'version' }],
])('parseCommand reads what %j asks for', (argv, expected) => {
  expect(parse(argv)).toEqual(expected)
})
