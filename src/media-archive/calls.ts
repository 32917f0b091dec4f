import { InvalidOptionError } from '../errors.js'
import { createController, linkSignals } from '../timing/abort.js'
import { unwrapThrown } from './callbacks.js'

/** The calls of an archive that are under way. */
export interface Calls {
  /**
   * Runs a call under the caller's signal and the archive's own.
   *
   * @throws InvalidOptionError once the archive takes no more calls; what `admit` and the call throw.
   */
  run<T>(call: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T>
  /** From now on calls are refused. */
  refuse(): void
  /** Aborts the signals of all calls. */
  stop(): void
  /** Resolves when all calls have ended, however they did. */
  waitForAll(): Promise<unknown>
  /** Counts a worker's run of a job as work, too. It is no call: `stop` and `waitForAll` leave it to its worker. @throws what `admit` throws. */
  watch<T>(run: () => Promise<T>): Promise<T>
  /** Calls and watched runs under way. */
  readonly size: number
  /** Resolves when all calls and watched runs that are under way have ended, however they did. */
  waitForWork(): Promise<unknown>
}

/** @param admit throws where the archive must not be used. */
export function createCalls(admit: () => void): Calls {
  const underWay = new Set<Promise<unknown>>()
  const watched = new Set<Promise<unknown>>()
  const stopped = createController()
  let isClosed = false
  const createClosedError = (): InvalidOptionError =>
    new InvalidOptionError({ option: 'archive', problem: 'is closed' })

  const runLinked = async <T>(call: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> => {
    admit()
    const stop = linkSignals([signal, stopped.signal])
    try {
      return await call(stop.signal)
    } catch (error) {
      throw unwrapThrown(error)
    } finally {
      stop.clear()
    }
  }

  return {
    run(call, signal) {
      if (isClosed) return Promise.reject(createClosedError())
      return keepIn(underWay, runLinked(call, signal))
    },
    refuse() {
      isClosed = true
    },
    stop: () => stopped.abort(createClosedError()),
    waitForAll: () => Promise.allSettled(underWay),
    async watch(run) {
      admit()
      return keepIn(watched, run())
    },
    get size() {
      return underWay.size + watched.size
    },
    waitForWork: () => Promise.allSettled([...underWay, ...watched]),
  }
}

/** Keeps the promise in the set until it has settled. */
function keepIn<T>(set: Set<Promise<unknown>>, running: Promise<T>): Promise<T> {
  const forget = (): void => void set.delete(running)
  set.add(running)
  running.then(forget, forget)
  return running
}
