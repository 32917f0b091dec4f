import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import { forkHere } from '../fork-here.js'
import { pickOne } from './media.js'
import type { WorkLog } from './work-log.js'
import type { WorkerTask } from './worker-process.js'

/** Two worker processes, whichever they are at the moment. */
export interface Workers {
  /** Resolves when both work off the queue. */
  areReady(): Promise<void>
  /** Kills one in the midst of its work, and starts another in its place; at the latest when `signal` says so. */
  killOne(random: () => number, signal: AbortSignal): Promise<void>
  /** How many kills there were, and how many in the midst of a job. */
  countKills(): { kills: number; amidst: number }
  /** Lets them finish. */
  end(): Promise<void>
}

const WORKERS = 2
const MOST_RUNS_BEFORE = 8

export function startWorkers(task: WorkerTask, log: WorkLog): Workers {
  const start = (): ChildProcess => {
    const child = forkHere(new URL('./worker-process.ts', import.meta.url))
    child.send(task)
    return child
  }
  const workers = Array.from({ length: WORKERS }, start)
  let kills = 0
  let amidst = 0
  const countRuns = async (pid: number | undefined): Promise<number> =>
    (await log.read()).filter((note) => note.pid === pid && note.what === 'start').length

  return {
    async areReady() {
      for (const { pid } of workers)
        await log.until('ready worker', { since: 0, isIt: (note) => note.pid === pid && note.what === 'ready' })
    },
    async killOne(random, signal) {
      const victim = pickOne(workers, random)
      const { pid } = victim
      const due = (await countRuns(pid)) + 1 + Math.floor(random() * MOST_RUNS_BEFORE)
      const isDue = async (): Promise<boolean> =>
        (await countRuns(pid)) >= due && (await log.listUnderWay(pid)).length > 0
      while (!signal.aborted && !(await isDue())) await wait(20)
      const exited = once(victim, 'exit')
      victim.kill('SIGKILL')
      expect(await exited).toEqual([null, 'SIGKILL'])
      kills++
      if ((await log.listUnderWay(pid)).length > 0) amidst++
      workers[workers.indexOf(victim)] = start()
    },
    countKills: () => ({ kills, amidst }),
    async end() {
      for (const worker of workers) {
        worker.send('end')
        await once(worker, 'exit')
        expect(worker.exitCode).toBe(0)
      }
    },
  }
}
