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
    ['--media-host <host>', '', 'repeatable'],
    ['--json', ''],
    ['--no-probe', ''],
  ],
  examples: ['one saved.jsonl'],
  run,
}
const many: Command = { name: 'many', argument: '<...mediaIds>', description: '', options: [], examples: [''], run }
const none: Command = { name: 'none', description: '', options: [], examples: [''], run }
const commands = [one, many, none]

const parse = (argv: readonly string[]) => parseCommand(argv, { command: findCommand(argv, commands), commands })
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
  [['one', 'f', '--no-json'], 'Unknown option `--no-json`; did you mean `--json`?'],
  [['none', '--constructor'], 'Unknown option `--constructor`'],
  [['one', 'f', '--account'], 'option `--account <id>` value is missing'],
  [
    ['one', 'f', '--account', '--json'],
    'option `--account <id>` value is missing, or is it --json? Then write --account=--json',
  ],
  [['one', 'f', '--acount', '7'], 'Unknown option `--acount`; did you mean `--account`?'],
  [['one', 'f', '--jsn'], 'Unknown option `--jsn`; did you mean `--json`?'],
  [['one', 'f', '--publicEndpoint', 'x'], 'Unknown option `--publicEndpoint`; did you mean `--public-endpoint`?'],
  [['one', 'f', '--hlep'], 'Unknown option `--hlep`; did you mean `--help`?'],
  [
    ['one', 'f', '--account', 'a', '--account=b', '--account', 'c'],
    'option `--account <id>` was given 3 times, and takes one value',
  ],
  [['one', 'f', '--account', '-5'], 'option `--account <id>` value is missing, or is it -5? Then write --account=-5'],
  [['two'], 'Unknown command `two`'],
  [['oen'], 'Unknown command `oen`; did you mean `one`?'],
  [['ONE'], 'Unknown command `ONE`; did you mean `one`?'],
  [['hepl'], 'Unknown command `hepl`; did you mean `help`?'],
  [['help', 'nnoe'], 'Unknown command `nnoe`; did you mean `none`?'],
  [['oen', '--account', 'a'], 'Unknown command `oen`; did you mean `one`?'],
  [['--account', 'a', 'oen'], 'Unknown command `oen`; did you mean `one`?'],
  [['--acount', 'a', 'one'], 'Unknown option `--acount`; did you mean `--account`?'],
  [['--account', 'a'], 'A command is missing'],
  [['--bogus'], 'Unknown option `--bogus`'],
  [['one', 'f', '--json=yes'], 'option `--json` takes no value'],
  [['one'], 'missing required args for command `one <file>`'],
  [['many'], 'missing required args for command `many <...mediaIds>`'],
  [['one', 'a', 'b', 'c'], 'Unused args: `b`, `c`'],
  [['none', 'a'], 'Unused args: `a`'],
])('parseCommand refuses %j', (argv, message) => {
  expect(() => parse(argv)).toThrow(new UsageError(message))
})

it.each([
  [[], { asks: 'help' }],
  [['-h'], { asks: 'help' }],
  [['help'], { asks: 'help' }],
  [['one', '--help'], { asks: 'help', command: one }],
  [['one', '-h'], { asks: 'help', command: one }],
  [['--help', 'one'], { asks: 'help', command: one }],
  [['help', 'one'], { asks: 'help', command: one }],
  [['one', '--bogus', '--help'], { asks: 'help', command: one }],
  [['one', '--account', '--help'], { asks: 'help', command: one }],
  [['one', '--account', '-h'], { asks: 'help', command: one }],
  [['one', '--version'], { asks: 'version' }],
  [['--version'], { asks: 'version' }],
  [['-v'], { asks: 'version' }],
])('parseCommand reads what %j asks for', (argv, expected) => {
  expect(parse(argv)).toEqual(expected)
})
