import { createCanaryScanner, textsOf } from './canaries.js'
import type { Note } from './canary-scenes.js'

/** Collects what a log could have got, and looks for canaries in it. */
export interface CanaryNotes {
  note: Note
  /** From where something came. */
  seen: ReadonlySet<string>
  /** What shows one of these canaries. All is forgotten then. */
  takeSinging(canaries: Readonly<Record<string, string>>): { from: string; found: string[]; text: string }[]
}

export function createCanaryNotes(): CanaryNotes {
  /** From where, by text: most come more than once. */
  const texts = new Map<string, string>()
  const seen = new Set<string>()
  return {
    note(from, value) {
      seen.add(from)
      for (const text of textsOf(value)) texts.set(text, from)
    },
    seen,
    takeSinging(canaries) {
      const scanner = createCanaryScanner(canaries)
      const singing = [...texts].flatMap(([text, from]) => {
        const found = scanner.find(text)
        return found.length === 0 ? [] : [{ from, found, text: text.slice(0, 300) }]
      })
      texts.clear()
      // One of each place is enough to read.
      return [...new Map(singing.map((each) => [`${each.from} ${each.found}`, each])).values()]
    },
  }
}

/** How a server may write what it repeats. */
export const NOTATIONS: readonly (readonly [name: string, write: (text: string) => string])[] = [
  ['as it is', (text) => text],
  ['in capitals', (text) => text.toUpperCase()],
  ['with percents', (text) => encodeURIComponent(text)],
  ['in JSON', (text) => JSON.stringify(text).replaceAll('/', '\\/')],
  ['in \\u', (text) => [...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')],
  ['in entities', (text) => [...text].map((letter) => `&#x${letter.charCodeAt(0).toString(16)};`).join('')],
  ['in base64', (text) => Buffer.from(text).toString('base64')],
  ['in base64url', (text) => Buffer.from(text).toString('base64url')],
  ['in hex', (text) => Buffer.from(text).toString('hex')],
  ['with zero width spaces', (text) => [...text].join('\u200b')],
  ['with soft hyphens', (text) => [...text].join('\u00ad')],
  ['with controls', (text) => [...text].join('\u0001')],
  ['with blanks', (text) => [...text].join(' ')],
]
