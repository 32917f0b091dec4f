/** The part of `process.stdout` that a progress bar needs. */
export interface Terminal {
  isTTY?: boolean
  columns?: number
  write(text: string): unknown
}

export interface Progress {
  /** Tells how far it is, in the same unit as `total`. */
  update(done: number): void
  /** Takes the bar away. */
  end(): void
}

const REDRAW_MS = 80

/**
 * A progress bar for one transfer of `total` bytes. It draws on terminals only, at most every 80 ms; elsewhere it is
 * silent, for a log has no use for it.
 */
export function createProgress(terminal: Terminal, label: string, total: number): Progress {
  const startedAt = Date.now()
  let drawnAt = 0
  const draw = (done: number): void => {
    const width = Math.max(10, Math.min(30, (terminal.columns ?? 80) - label.length - 28))
    const ratio = total > 0 ? Math.min(1, done / total) : 1
    const filled = Math.round(ratio * width)
    const rate = done / 1_000 / Math.max(1, Date.now() - startedAt)
    const bar = `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`
    terminal.write(`\r\u001b[K${label} ${bar} ${Math.round(ratio * 100)} % ${rate.toFixed(1)} MB/s`)
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
