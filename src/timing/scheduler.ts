import { MAX_TIMER_MS } from './abort.js'
import type { Heap } from './heap.js'

/** Runs tasks, so many at once, and never two with the same key at once. */
export interface Scheduler<Task> {
  /** Takes a task in, to begin at the next `proceed`. */
  add(task: Task): void
  /** Takes a task in after so many milliseconds, and proceeds then. */
  addLater(task: Task, delayMs: number): void
  /** Lets tasks begin, from now on. */
  start(): void
  /** Begins as many tasks as may run, then calls `onProceed`. Happens by itself at each task's end. */
  proceed(): void
  /** From now on no task begins, and none comes back from its wait. */
  stop(): void
  /** Resolves when the tasks that run now have ended. */
  settle(): Promise<unknown>
  /** Tasks that run. */
  readonly running: number
  /** Tasks that wait for their time. */
  readonly waiting: number
}

export interface SchedulerOptions<Task> {
  concurrency: number
  /** Decides which of the tasks that are ready begins. */
  createHeap: () => Heap<Task>
  getKey(task: Task): string
  /** Must not reject. */
  run(task: Task): Promise<void>
  onProceed(): void
}

/** The tasks with one key: while one runs, the others stand behind it. */
interface Turn<Task> {
  isTaken: boolean
  readonly behind: Heap<Task>
}

export function createScheduler<Task>(options: SchedulerOptions<Task>): Scheduler<Task> {
  const { concurrency, createHeap, getKey, run, onProceed } = options
  const ready = createHeap()
  const turns = new Map<string, Turn<Task>>()
  const running = new Set<Promise<void>>()
  const timers = new Set<NodeJS.Timeout>()
  let state: 'new' | 'started' | 'stopped' = 'new'

  const begin = (task: Task, turn: Turn<Task>): void => {
    turn.isTaken = true
    turns.set(getKey(task), turn)
    const ended = run(task).then(() => {
      running.delete(ended)
      turn.isTaken = false
      const next = turn.behind.take()
      if (next === undefined) turns.delete(getKey(task))
      else ready.put(next)
      proceed()
    })
    running.add(ended)
  }

  const proceed = (): void => {
    while (state === 'started' && running.size < concurrency) {
      const task = ready.take()
      if (task === undefined) break
      const turn = turns.get(getKey(task)) ?? { isTaken: false, behind: createHeap() }
      if (turn.isTaken) turn.behind.put(task)
      else begin(task, turn)
    }
    onProceed()
  }

  return {
    add: ready.put,
    addLater(task, delayMs) {
      if (state === 'stopped') return
      const comeBack = (): void => {
        timers.delete(timer)
        ready.put(task)
        proceed()
      }
      const timer = setTimeout(comeBack, Math.min(delayMs, MAX_TIMER_MS))
      timers.add(timer)
    },
    start() {
      if (state === 'new') state = 'started'
      proceed()
    },
    proceed,
    stop() {
      state = 'stopped'
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    },
    settle: () => Promise.all(running),
    get running() {
      return running.size
    },
    get waiting() {
      return timers.size
    },
  }
}
