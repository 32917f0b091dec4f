import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { listAnchors, ROOT, readMarkdown } from './documents.js'

/** What npm would pack of the checkout; a checkout without a build lacks dist/. */
const packed = new Set<string>(
  JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: ROOT, encoding: 'utf8' }))
    .flatMap(({ files }: { files: { path: string }[] }) => files)
    .map(({ path }: { path: string }) => path),
)
const pages = [...packed].filter((path) => path.endsWith('.md'))

/** Inline links and images, definitions of references, and HTML's attributes; none in code. */
function listTargets(text: string): string[] {
  const prose = text.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '')
  const links = prose.matchAll(/\]\(<?([^)\s>]+)|^\[[^\]]+\]:\s*<?([^\s>]+)|\b(?:href|src)="([^"]+)"/gm)
  return [...links].map((link) => link.slice(1).find((target) => target !== undefined) ?? '')
}

/** Whether the package itself has the target, with its heading. An absolute address is none of its files. */
function isReachable(page: string, target: string): boolean {
  if (/^(?:https:|mailto:)/.test(target)) return true
  const [path = '', anchor] = decodeURIComponent(target).split('#')
  const file = path === '' ? page : join(dirname(page), path).replace(/\/$/, '')
  if (!packed.has(file)) return anchor === undefined && [...packed].some((each) => each.startsWith(`${file}/`))
  return anchor === undefined || !file.endsWith('.md') || listAnchors(readMarkdown(file).text).includes(anchor)
}

it('packs the pages that the README names', () => {
  expect(pages).toEqual(expect.arrayContaining(['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'docs/errors.md']))
})

it.each(pages)('leads by each link of %s to what is packed too', (page) => {
  expect(listTargets(readMarkdown(page).text).filter((target) => !isReachable(page, target))).toEqual([])
})

it.each([
  ['[a](docs/errors.md)', true],
  ['[a](docs/errors.md#all-codes-and-more)', false],
  ['[a](AGENTS.md)', false],
  ['[a](src/archive.ts)', false],
  ['[a](../README.md)', false],
  ['[a](http://plain.example)', false],
  ['![a](docs/performance.svg)', true],
  ['[a](examples/infra/)', true],
  ['[a]: docs/nothing.md', false],
  ['<a href="docs/nothing.md">', false],
  ['<img src="docs/performance.svg">', true],
  ['`[a](src/archive.ts)`', true],
])('sees whether %s leads to something', (text, isGood) => {
  expect(listTargets(text).every((target) => isReachable('README.md', target))).toBe(isGood)
})
