/** How fast a count has grown lately. */
export interface Rate {
  /** Over the last seconds; 0 before there is anything to compare with. */
  perSecond(): number
}

/** Long enough for a steady number, short enough to show a change. */
const WINDOW_MS = 15_000
const SAMPLE_MS = 500

export function createRate(count: () => number, now: () => number = Date.now): Rate {
  const samples = [{ at: now(), count: count() }]
  return {
    perSecond() {
      const last = { at: now(), count: count() }
      if (last.at - (samples.at(-1)?.at ?? 0) >= SAMPLE_MS) samples.push(last)
      while (samples.length > 2 && last.at - (samples[0]?.at ?? 0) > WINDOW_MS) samples.shift()
      const [first = last] = samples
      return last.at > first.at ? ((last.count - first.count) * 1_000) / (last.at - first.at) : 0
    },
  }
}
