#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { EXIT } from './cli/command.js'
import { runCommand } from './cli/run-command.js'

/** The package's root: this file is one level below it, as source and when built. */
const root = new URL('../', import.meta.url)

const { version }: { version: string } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))

// A reader of the first lines only (`| head`) closes the pipe, and the work goes on.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const { env, stdin, stdout, stderr } = process
// The AWS SDK would print its notice about this Node's version before every command. It reads this at its first client.
env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'
process.exitCode = await runCommand(process.argv.slice(2), {
  ...{ env, stdin, stdout, stderr, version },
  signals: process,
  exit: (code) => process.exit(code),
  samples: fileURLToPath(new URL('samples/', root)),
})
// A library's socket or a terminal that is still read must not hold the process after Ctrl-C.
if (process.exitCode === EXIT.interrupted) process.exit()
