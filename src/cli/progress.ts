/** The part of `process.stdout` that a progress bar needs. */
export interface Terminal {
  isTTY?: boolean | undefined
  columns?: number | undefined
  write(text: string): unknown
}

export interface Progress {
  /** Reports the bytes so far, in the unit of `total`. */
  update(done: number): void
  /** Takes the bar away. */
  end(): void
}

const REDRAW_MS = 80

/**
 * A progress bar for one transfer of `total` bytes. It draws on terminals only, at most every 80 ms: a log has no use for
 * it.
 */
export function createProgress(terminal: Terminal, label: string, total: number): Progress {
  const startedAt = Date.now()
  let drawnAt = 0
  const draw = (done: number): void => {
    const width = Math.max(10, Math.min(30, (terminal.columns ?? 80) - label.length - 28))
    const ratio = total > 0 ? Math.min(1, done / total) : 1
    const rate = done / 1_000 / Math.max(1, Date.now() - startedAt)
    terminal.write(`\r\u001b[K${label} ${buildBar(ratio, width)} ${Math.round(ratio * 100)} % ${rate.toFixed(1)} MB/s`)
  }
  return {
    update(done) {
      if (terminal.isTTY !== true || (Date.now() - drawnAt < REDRAW_MS && done < total)) return
      drawnAt = Date.now()
      draw(done)
    },
    end() {
      if (terminal.isTTY === true) terminal.write('\r\u001b[K')
    },
  }
}

/** One line that is redrawn at a terminal's end; in a log, a line now and then. */
export interface StatusLine {
  /** Runs something that writes to the same terminal: above the line. */
  around(write: () => void): void
  /** Takes the line away. Always call it. */
  end(): void
}

const STATUS_MS = 200
const LOG_MS = 10_000

/** @param draw returns the line; `columns` is the width of a terminal, absent in a log. */
export function createStatusLine(terminal: Terminal, draw: (columns?: number) => string): StatusLine {
  const isTerminal = terminal.isTTY === true
  const clear = (): void => void (isTerminal && terminal.write('\r\u001b[K'))
  const show = (): void => {
    if (isTerminal) {
      // A terminal of unknown size has 0. The last column stays free: some terminals wrap as soon as it is written.
      const columns = (terminal.columns || 80) - 1
      terminal.write(`\r\u001b[K${draw(columns).slice(0, columns)}`)
    } else terminal.write(`${new Date().toISOString()} ${draw()}\n`)
  }
  const timer = setInterval(show, isTerminal ? STATUS_MS : LOG_MS)
  if (isTerminal) show()
  return {
    around(write) {
      clear()
      write()
      if (isTerminal) show()
    },
    end() {
      clearInterval(timer)
      clear()
    },
  }
}

/** A bar of `cells` cells. */
export function buildBar(ratio: number, cells: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, ratio)) * cells)
  return `${'█'.repeat(filled)}${'░'.repeat(cells - filled)}`
}

export function formatCount(count: number): string {
  return (count >= 10 ? Math.round(count) : Math.round(count * 10) / 10).toLocaleString('en')
}

/** Decimal units, as disks and networks have them. */
export function formatBytes(bytes: number): string {
  const [unit, divisor] = bytes >= 1e9 ? ['GB', 1e9] : bytes >= 1e6 ? ['MB', 1e6] : ['kB', 1e3]
  return bytes < 1_000 ? `${Math.round(bytes)} B` : `${(bytes / Number(divisor)).toFixed(1)} ${unit}`
}

export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${Math.ceil(seconds % 60)} s`
  return `${Math.floor(seconds / 3_600)} h ${Math.ceil((seconds % 3_600) / 60)} min`
}

/** How fast a count has grown lately. */
export interface Rate {
  /** Over the last 15 seconds at the most; 0 before there is anything to compare with. */
  perSecond(): number
}

const HALF_WINDOW_MS = 7_500

export function createRate(count: () => number, now: () => number = Date.now): Rate {
  const look = (): { at: number; count: number } => ({ at: now(), count: count() })
  let newer = look()
  let older = newer
  return {
    perSecond() {
      const latest = look()
      if (latest.at - newer.at >= HALF_WINDOW_MS) {
        older = newer
        newer = latest
      }
      return latest.at > older.at ? ((latest.count - older.count) * 1_000) / (latest.at - older.at) : 0
    },
  }
}
