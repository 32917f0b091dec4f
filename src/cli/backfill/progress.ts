import { buildBar, createRate, formatBytes, formatCount, formatDuration } from '../progress.js'
import type { InputCounts } from './input.js'
import type { Totals } from './record.js'

/** The numbers behind a back-fill's bar. Each drawing reads them anew. */
export interface BackfillProgress {
  totals: Readonly<Totals>
  input: Readonly<InputCounts>
  /** The input's size in bytes; undefined for a stream. */
  inputBytes: number | undefined
  waiting(): number
}

const MOST_CELLS = 30
const FEWEST_CELLS = 5

/** Draws how far a back-fill is: on a terminal with a bar, in a log without. */
export function createProgressDrawer(progress: BackfillProgress): (columns?: number) => string {
  const { totals, input, waiting } = progress
  const ended = (): number => totals.archived + totals.there + totals.gone + totals.failed
  const rate = createRate(ended)
  const bytesRate = createRate(() => totals.bytes)

  return (columns) => {
    const perSecond = rate.perSecond()
    const expected = estimateEntries(progress)
    const share = expected === undefined ? undefined : expected === 0 ? 1 : ended() / expected
    const left = expected === undefined || perSecond === 0 ? undefined : Math.max(0, expected - ended()) / perSecond
    const facts = (byteRate: string): string =>
      [
        ...(share === undefined ? [] : [`${Math.floor(Math.min(1, share) * 100)} %`]),
        `done ${formatCount(totals.archived + totals.there)}`,
        `gone ${formatCount(totals.gone)}`,
        `failed ${formatCount(totals.failed)}`,
        ...(waiting() === 0 ? [] : [`waiting ${formatCount(waiting())}`]),
        formatBytes(totals.bytes),
        `${formatCount(perSecond)}/s${byteRate}`,
        ...(left === undefined ? [] : [`${formatDuration(left)} left`]),
      ].join('  ')
    const whole = facts(` ${formatBytes(bytesRate.perSecond())}/s`)
    const line = columns === undefined || whole.length <= columns ? whole : facts('')
    const cells = Math.min(MOST_CELLS, (columns ?? 0) - line.length - 1)
    const isDrawn = share !== undefined && cells >= FEWEST_CELLS && input.entries > 0
    return isDrawn ? `${buildBar(share, cells)} ${line}` : line
  }
}

/** Exact once the input has been read; before that, by the share of its bytes. Undefined where that is unknown. */
function estimateEntries({ input, inputBytes }: BackfillProgress): number | undefined {
  if (input.isAtEnd) return input.entries
  if (inputBytes === undefined || input.bytes === 0) return undefined
  return Math.round((input.entries * inputBytes) / Math.min(input.bytes, inputBytes))
}
