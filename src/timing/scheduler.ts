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
  waitForAll(): Promise<unknown>
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

export function createScheduler<Task>(options: SchedulerOptions<Task>): Scheduler<Task> {
  const { concurrency, createHeap, run, onProceed } = options
  const ready = createHeap()
  const turns = createTurns(options, ready)
  const running = new Set<Promise<void>>()
  const waits = createWaits<Task>((task) => {
    ready.put(task)
    proceed()
  })
  let state: 'new' | 'started' | 'stopped' = 'new'

  const begin = (task: Task): void => {
    const ended = run(task).then(() => {
      running.delete(ended)
      turns.leave(task)
      proceed()
    })
    running.add(ended)
  }

  const proceed = (): void => {
    while (state === 'started' && running.size < concurrency) {
      const task = ready.take()
      if (task === undefined) break
      if (turns.enter(task)) begin(task)
    }
    onProceed()
  }

  return {
    add: ready.put,
    addLater: waits.add,
    start() {
      if (state === 'new') state = 'started'
      proceed()
    },
    proceed,
    stop() {
      state = 'stopped'
      waits.close()
    },
    waitForAll: () => Promise.all(running),
    get running() {
      return running.size
    },
    get waiting() {
      return waits.size
    },
  }
}

/** Lets one task of each key run; the others stand behind it. */
function createTurns<Task>({ createHeap, getKey }: SchedulerOptions<Task>, ready: Heap<Task>) {
  const taken = new Set<string>()
  const behind = new Map<string, Heap<Task>>()
  return {
    /** @returns whether the task may run. If not, it stands behind the one that runs. */
    enter(task: Task): boolean {
      const key = getKey(task)
      if (!taken.has(key)) {
        taken.add(key)
        return true
      }
      const others = behind.get(key) ?? createHeap()
      others.put(task)
      behind.set(key, others)
      return false
    },
    /** The task has ended: the first of those behind it is ready. */
    leave(task: Task): void {
      const key = getKey(task)
      taken.delete(key)
      const next = behind.get(key)?.take()
      if (next === undefined) behind.delete(key)
      else ready.put(next)
    },
  }
}

/** The timers of tasks that wait. */
function createWaits<Task>(comeBack: (task: Task) => void) {
  const timers = new Set<NodeJS.Timeout>()
  let isClosed = false
  return {
    get size() {
      return timers.size
    },
    add(task: Task, delayMs: number): void {
      if (isClosed) return
      const end = (): void => {
        timers.delete(timer)
        comeBack(task)
      }
      const timer = setTimeout(end, Math.min(delayMs, MAX_TIMER_MS))
      timers.add(timer)
    },
    /** From now on no task comes back. */
    close(): void {
      isClosed = true
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    },
  }
}
