import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/** Runs a module of TypeScript in a process of its own, which is killed after the test at the latest. */
export function forkHere(script: URL): ChildProcess {
  const child = fork(fileURLToPath(script), { execArgv: ['--import', 'tsx'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}
