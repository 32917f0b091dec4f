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
