import { QueueFailedError } from '../../errors.js'
import { abortable, createController } from '../../timing/abort.js'
import type { SqsMessage } from './message.js'
import { type RunMessage, showAgain } from './run-message.js'
import type { MessageSettler } from './settle.js'

/** The messages of a poller that are worked on. */
export interface MessageRuns {
  readonly size: number
  start(message: SqsMessage): void
  /** Resolves when fewer than `limit` messages are worked on, or when the signal aborts. */
  waitForSlot(limit: number, signal: AbortSignal): Promise<void>
  /** Asks the attempts to stop. */
  stop(): void
  /** Leaves behind the attempts that do not stop: their messages are shown to other workers. */
  abandon(): void
  /** Resolves when nothing is worked on any more. */
  waitForAll(): Promise<unknown>
}

export interface MessageRunsOptions {
  runMessage: RunMessage
  settler: MessageSettler
  visibilitySeconds: number
  /** Milliseconds that settling one message may take. */
  limitMs: number
}

export function createMessageRuns(options: MessageRunsOptions): MessageRuns {
  const { runMessage, settler, limitMs } = options
  const [stopped, abandoned] = [createController(), createController()]
  const running = new Set<Promise<void>>()
  let onEnd = (): void => {}

  const run = async (message: SqsMessage): Promise<void> => {
    const heartbeat = startHeartbeat(message, options)
    const attempt = runMessage(message, { signal: stopped.signal })
    const fate = await abortable(attempt, abandoned.signal).catch(() => showAgain(0))
    await heartbeat.stop()
    await settler.settle(message, { fate, limitMs })
  }

  return {
    get size() {
      return running.size
    },
    start(message) {
      const ended = run(message).finally(() => {
        running.delete(ended)
        onEnd()
      })
      running.add(ended)
    },
    async waitForSlot(limit, signal) {
      while (running.size >= limit && !signal.aborted) {
        const end = new Promise<void>((resolve) => {
          onEnd = resolve
        })
        await abortable(end, signal).catch(() => {})
      }
    },
    stop: () => stopped.abort(new QueueFailedError({ operation: 'receive', reason: 'closed', retryable: true })),
    abandon: () => abandoned.abort(),
    waitForAll: () => Promise.all(running),
  }
}

/** Hides the message again and again while it is worked on. */
function startHeartbeat(
  message: SqsMessage,
  { settler, visibilitySeconds, limitMs }: MessageRunsOptions,
): { stop(): Promise<void> } {
  let beat: Promise<void> | undefined
  const startBeat = (): void => {
    beat ??= settler.hide(message, { seconds: visibilitySeconds, limitMs }).finally(() => {
      beat = undefined
    })
  }
  const timer = setInterval(startBeat, (visibilitySeconds * 1_000) / 3)
  return {
    async stop() {
      clearInterval(timer)
      // A heartbeat on its way would undo the next call.
      await beat
    },
  }
}
