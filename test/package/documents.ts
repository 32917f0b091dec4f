import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** A Markdown file, by its path from the root. */
export interface MarkdownFile {
  path: string
  text: string
}

/** A fenced block of code. */
export interface CodeBlock {
  /** As a reader finds it: file and line. */
  place: string
  language: string
  code: string
}

export function readMarkdown(path: string): MarkdownFile {
  return { path, text: readFileSync(join(ROOT, path), 'utf8') }
}

/** README and docs/, without the generated reference. */
export function readDocuments(): MarkdownFile[] {
  const names = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
  const pages = names.filter((name) => name.endsWith('.md') && !name.startsWith('api/'))
  return ['README.md', ...pages.sort().map((name) => `docs/${name}`)].map(readMarkdown)
}

export function findCodeBlocks({ path, text }: MarkdownFile): CodeBlock[] {
  return [...text.matchAll(/^```(\S*)\n(.*?)^```$/gms)].map(({ 1: language = '', 2: code = '', index }) => ({
    place: `${path}:${text.slice(0, index).split('\n').length}`,
    language,
    code,
  }))
}

function withoutCode(text: string): string {
  return text.replace(/^```.*?^```$/gms, '')
}

/** The anchors of a file's headings, as GitHub names them. */
export function listAnchors(text: string): string[] {
  const seen = new Map<string, number>()
  return [...withoutCode(text).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => {
    const name = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replaceAll(' ', '-')
    const times = seen.get(name) ?? 0
    seen.set(name, times + 1)
    return times === 0 ? name : `${name}-${times}`
  })
}

/** Relative links and images of a file that lead nowhere. */
export function findBrokenLinks({ path, text }: MarkdownFile): string[] {
  const targets = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [file = '', anchor] = target.split('#')
      const at = file === '' ? path : join(dirname(path), file)
      if (!existsSync(join(ROOT, at))) return true
      return anchor !== undefined && !listAnchors(readMarkdown(at).text).includes(anchor)
    })
    .map((target) => `${path}: ${target}`)
}
