import { labelOf } from './pipelines.js'
import { cellOf, type Results } from './results.js'

/** One panel: a bar for each pipeline. Less is better in all of them. */
interface Panel {
  title: string
  unit: string
  bars: { pipeline: string; value: number }[]
}

const SHOWN = ['ours', 'fetch-buffer', 'axios-buffer', 'packaged-client', 'lib-storage', 'sdk-stream', 'raw-proxy']
const WIDTH = 860
const LABELS = 320
const VALUES = 76
const ROW = 26
const BAR = 16
const TITLE = 46
const AXIS = 30
const MARGIN = 24

/** The results as an SVG with its own background, in the reader's light or dark. Empty panels are left out. */
export function plot(results: Results): string {
  const panels = panelsOf(results).filter(({ bars }) => bars.length > 0)
  const parts: string[] = []
  let top = MARGIN + 34
  for (const panel of panels) {
    parts.push(drawPanel(panel, top))
    top += TITLE + panel.bars.length * ROW + AXIS
  }
  const height = top + 4
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title description">
<title id="title">What archiving WhatsApp media costs</title>
<desc id="description">${escapeXml(describe(panels))}</desc>
<style>
${STYLE}
</style>
<rect class="page" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>
<text class="head" x="${MARGIN}" y="${MARGIN + 12}">What archiving costs: shorter is better</text>
${parts.join('\n')}
</svg>
`
}

const STYLE = `text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; fill: #1f2328 }
.page { fill: #ffffff; stroke: #d0d7de }
.head { font-size: 17px; font-weight: 600 }
.panel { font-size: 14px; font-weight: 600 }
.label { text-anchor: end }
.value { paint-order: stroke; stroke: #ffffff; stroke-width: 5px; stroke-linejoin: round }
.tick { font-size: 11px; fill: #59636e; text-anchor: middle }
.grid { stroke: #d8dee4 }
.bar { fill: #8c97a5 }
.ours { fill: #08765a }
.limit { fill: none; stroke: #8c97a5; stroke-dasharray: 4 3 }
text.ours { fill: #08765a; font-weight: 600 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .page { fill: #0d1117; stroke: #30363d }
  .value { stroke: #0d1117 }
  .tick { fill: #9198a1 }
  .grid { stroke: #2a313a }
  .bar { fill: #6b7684 }
  .ours { fill: #2fbf94 }
  .limit { stroke: #8b96a3 }
  text.ours { fill: #3ad0a3 }
}`

function panelsOf({ transfers, memory }: Results): Panel[] {
  const small = cellOf(transfers, 100_000, 8)?.rows ?? []
  const large = cellOf(transfers, 16_000_000, 8)?.rows ?? []
  const peaks = cellOf(memory, 16_000_000, 32)?.rows ?? []
  return [
    {
      title: 'CPU for an object of 100 KB, 8 at once',
      unit: 'ms',
      bars: ordered(small.map(({ pipeline, cpuMs }) => ({ pipeline, value: cpuMs }))),
    },
    {
      title: 'CPU for 1 GB in objects of 16 MB, 8 at once',
      unit: 's',
      bars: ordered(large.map(({ pipeline, cpuMs }) => ({ pipeline, value: cpuMs / 16 }))),
    },
    {
      title: 'Memory above idle, 32 objects of 16 MB at once',
      unit: 'MB',
      bars: ordered(peaks.map(({ pipeline, aboveIdleMb }) => ({ pipeline, value: aboveIdleMb }))),
    },
  ]
}

/** Ours first, the limit last, the others from the cheapest on. */
function ordered(bars: Panel['bars']): Panel['bars'] {
  const place = (pipeline: string): number => ({ ours: 0, 'raw-proxy': 2 })[pipeline] ?? 1
  return bars
    .filter(({ pipeline }) => SHOWN.includes(pipeline))
    .sort((a, b) => place(a.pipeline) - place(b.pipeline) || a.value - b.value)
}

function drawPanel({ title, unit, bars }: Panel, top: number): string {
  const left = MARGIN + LABELS
  const width = WIDTH - left - VALUES - MARGIN
  const ticks = ticksUpTo(Math.max(...bars.map(({ value }) => value)))
  const scale = width / (ticks.at(-1) ?? 1)
  const bottom = top + TITLE + bars.length * ROW
  const grid = ticks.map((tick) => {
    const x = round(left + tick * scale)
    return `<line class="grid" x1="${x}" x2="${x}" y1="${top + TITLE - 6}" y2="${bottom}"/><text class="tick" x="${x}" y="${bottom + 16}">${tick} ${unit}</text>`
  })
  const rows = bars.map(({ pipeline, value }, index) => {
    const y = top + TITLE + index * ROW
    const middle = y + BAR / 2 + 4.5
    const kind = { ours: 'ours', 'raw-proxy': 'limit' }[pipeline] ?? 'bar'
    const own = kind === 'ours' ? ' ours' : ''
    return [
      `<text class="label${own}" x="${left - 10}" y="${middle}">${escapeXml(labelOf(pipeline))}</text>`,
      `<rect class="${kind}" x="${left}" y="${y}" width="${round(Math.max(1, value * scale))}" height="${BAR}" rx="2"/>`,
      `<text class="value${own}" x="${round(left + value * scale + 8)}" y="${middle}">${shown(value, unit)}</text>`,
    ].join('')
  })
  return [`<text class="panel" x="${MARGIN}" y="${top + 24}">${escapeXml(title)}</text>`, ...grid, ...rows].join('\n')
}

/** Zero and round steps, four to six of them, up to the first beyond the value. */
export function ticksUpTo(value: number): number[] {
  const rough = value / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough
  const count = Math.max(1, Math.ceil(value / step))
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(6)))
}

function describe(panels: readonly Panel[]): string {
  return panels
    .map(({ title, unit, bars }) => {
      const list = bars.map(({ pipeline, value }) => `${labelOf(pipeline)} ${shown(value, unit)}`)
      return `${title}: ${list.join('; ')}.`
    })
    .join(' ')
}

function shown(value: number, unit: string): string {
  const digits = unit === 'MB' || value >= 100 ? 0 : value >= 10 ? 1 : 2
  return `${value.toFixed(digits)} ${unit}`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
