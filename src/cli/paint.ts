import { styleText } from 'node:util'
import type { CommandHost } from './command.js'
import type { Terminal } from './progress.js'

/** What is shown in another colour. */
export type Tone = 'heading' | 'good' | 'odd' | 'bad'

/** Colours a text, where its reader can see colours; else the text as it is. */
export type Paint = (tone: Tone, text: string) => string

/** For readers without colours. */
export const PLAIN_PAINT: Paint = (_tone, text) => text

const TONE_STYLES = { heading: 'bold', good: 'green', odd: 'yellow', bad: 'red' } as const

/** The paint for one stream. */
export function choosePaint(terminal: Pick<Terminal, 'isTTY'>, env: CommandHost['env']): Paint {
  if (!hasColours(terminal, env)) return PLAIN_PAINT
  // Decided above: Node would look at this process's own streams.
  return (tone, text) => styleText(TONE_STYLES[tone], text, { validateStream: false })
}

/**
 * Node's own rule (Node: `writable.getColorDepth`): `FORCE_COLOR` decides where it is set, then `NO_COLOR` (no-color.org:
 * any text but the empty one), then the terminal.
 */
function hasColours({ isTTY }: Pick<Terminal, 'isTTY'>, env: CommandHost['env']): boolean {
  const { FORCE_COLOR: forced, NO_COLOR: refused, NODE_DISABLE_COLORS: disabled, TERM: term } = env
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  if (refused || disabled || term === 'dumb') return false
  return isTTY === true
}
