import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const ARCHITECTURE = readFileSync('ARCHITECTURE.md', 'utf8')
const AGENTS = readFileSync('AGENTS.md', 'utf8')

function listLaws(text: string): string[] {
  const [, laws = ''] = /^## Laws.*\n((?:\d\. .*\n)*)/m.exec(text) ?? []
  return laws.trim().split('\n')
}

describe('ARCHITECTURE.md', () => {
  it('lists every entry of src, once, and nothing else', () => {
    const [, listing = ''] = /^```\n([^`]*)^```/m.exec(ARCHITECTURE) ?? []
    const listed = listing
      .trim()
      .split('\n')
      .map((line) => line.split(/\s/)[0])
    const entries = new Set(readdirSync('src').map((entry) => entry.replace(/\.ts$/, '')))

    expect(listed.toSorted()).toEqual([...entries].sort())
  })

  it('has the eight laws exactly as in AGENTS.md', () => {
    expect(listLaws(ARCHITECTURE).map((law) => law.slice(0, 2))).toEqual([
      '1.',
      '2.',
      '3.',
      '4.',
      '5.',
      '6.',
      '7.',
      '8.',
    ])
    expect(listLaws(AGENTS)).toEqual(listLaws(ARCHITECTURE))
  })

  it('names files and folders that exist', () => {
    const laws = listLaws(ARCHITECTURE).join('\n')
    const folders = [...laws.matchAll(/`([a-z0-9]+\/[a-z0-9/-]+)\/`/g)].map(([, folder = '']) => folder)

    expect(folders.length).toBeGreaterThan(0)
    for (const folder of folders) expect(readdirSync(`src/${folder}`).length, folder).toBeGreaterThan(0)
  })

  it('is read in a minute: 3 KB', () => {
    expect(Buffer.byteLength(ARCHITECTURE)).toBeLessThanOrEqual(3072)
  })
})
