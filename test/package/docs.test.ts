import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { Script } from 'node:vm'
import type ts from 'typescript'
import { describe, expect, it } from 'vitest'
import * as errors from '../../src/errors.js'
import { findBrokenLinks, findCodeBlocks, listAnchors, ROOT, readDocuments, readMarkdown } from './documents.js'
import { createProgram, findOptionDocs, findTypeErrors, listTags } from './typed-blocks.js'

const documents = readDocuments()
const blocks = documents.flatMap(findCodeBlocks)
const [readme = readMarkdown('README.md')] = documents
const manual = [...documents, ...['AGENTS.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md'].map(readMarkdown)]

/** The cells of each row of a table that begins with these columns. */
function readTable(path: string, head: string): string[][] {
  const [, rows = ''] = readMarkdown(path).text.split(`| ${head} |\n`)
  const [table = ''] = rows.split('\n\n')
  return table
    .trim()
    .split('\n')
    .slice(1)
    .map((row) => row.slice(2, -2).split(' | '))
}

let typed: ts.Program | undefined

/** One program for all blocks: making it takes seconds. */
function getTypedBlocks(): ts.Program {
  typed ??= createProgram(
    blocks
      .filter(({ language }) => language === 'ts')
      // In examples/, whose files some blocks import.
      .map(({ place, code }) => ({ name: nameFile(place), code: `${code}\nexport {}\n` })),
  )
  return typed
}

function runTypeScript(...args: string[]): Promise<{ stdout: string }> {
  return promisify(execFile)(process.execPath, ['--import', 'tsx', ...args], { cwd: ROOT })
}

function nameFile(place: string): string {
  return `${ROOT}examples/${place.replaceAll(/\W/g, '-')}.ts`
}

describe('README', () => {
  it('has at most 13 KB', () => {
    expect(Buffer.byteLength(readme.text)).toBeLessThanOrEqual(13 * 1_024)
  })

  it('shows the whole thing in 30 lines', () => {
    const whole = findCodeBlocks(readme).find(({ language }) => language === 'ts')
    expect(whole?.code).toMatch(/createWebhookHandler.*createMediaArchive.*queue:.*signUrl/s)
    expect(whole?.code.trim().split('\n').length).toBeLessThanOrEqual(30)
  })

  it('names both commands for newcomers', () => {
    expect(readme.text).toContain('npm ci && npm test')
    expect(readme.text).toContain('npm ci && npm run demo')
  })

  it('links every page of docs/', () => {
    const missing = documents.slice(1).filter(({ path }) => !readme.text.includes(`](${path})`))
    expect(missing.map(({ path }) => path)).toEqual([])
  })

  it('has a test of an app that runs', async () => {
    const block = findCodeBlocks(readme).find(({ code }) => code.includes('createFakeCloudApi'))
    const { stdout } = await runTypeScript('--input-type=module', '--eval', block?.code ?? '')
    expect(stdout).toMatch(/^\[\s+'whatsapp-media\/test\/\d{4}-\d{2}-\d{2}\/document\/[\da-f-]{36}\.txt'\s+\]\n$/)
  })
})

describe('code blocks', () => {
  it('type-check against this version', () => {
    const typeScript = blocks.filter(({ language }) => language === 'ts')
    expect(typeScript.length).toBeGreaterThan(15)
    const program = getTypedBlocks()
    expect(
      typeScript.flatMap(({ place }) => findTypeErrors(program, nameFile(place)).map((text) => `${place}: ${text}`)),
    ).toEqual([])
  }, 60_000)

  it('would be noticed if they did not', () => {
    const name = nameFile('wrong')
    const wrong = { name, code: "import { nothing } from 'whatsapp-media-archive'\nnothing()\n" }
    expect(findTypeErrors(createProgram([wrong]), name)).toHaveLength(1)
  }, 60_000)

  it('are of a language that is checked, or plain text', () => {
    const others = blocks.filter(({ language }) => !['ts', 'js', 'sh', 'json', 'text'].includes(language))
    expect(others).toEqual([])
  })

  it('are JSON where they say so', () => {
    for (const { language, code } of blocks) if (language === 'json') expect(() => JSON.parse(code)).not.toThrow()
  })

  it('are JavaScript where they say so', () => {
    for (const { language, code } of blocks) if (language === 'js') expect(() => new Script(code)).not.toThrow()
  })

  it('are shell where they say so', () => {
    for (const { language, code } of manual.flatMap(findCodeBlocks)) {
      if (language === 'sh') execFileSync('bash', ['-n'], { input: code })
    }
  })
})

describe('commands in the documents', () => {
  it('exist as scripts of the package', () => {
    const { scripts }: { scripts: Record<string, string> } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'))
    const named = manual.flatMap(({ text }) => [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name))
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  })

  it('have the options that they show', async () => {
    const shown = documents
      .flatMap(({ text }) => [...text.matchAll(/whatsapp-media-archive ([a-z]+)((?: [^\n#`]*)?)/g)])
      .map(([, command = '', rest = '']) => ({ command, options: rest.match(/--[a-z-]+/g) ?? [] }))
    const commands = [...new Set(shown.map(({ command }) => command))]
    expect(commands.sort()).toEqual(['archive', 'backfill', 'demo', 'doctor', 'send', 'sign', 'verify'])
    const help = new Map(
      await Promise.all(
        commands.map(
          async (each) => [each, (await runTypeScript(`${ROOT}src/cli.ts`, each, '--help')).stdout] as const,
        ),
      ),
    )
    const unknown = shown.flatMap(({ command, options }) =>
      options.filter((option) => !help.get(command)?.includes(`${option} `)).map((option) => `${command} ${option}`),
    )
    expect(unknown).toEqual([])
    const everything = [...help.values()].join('\n')
    const pages = ['docs/command-line.md', 'docs/doctor.md'].map((path) => readMarkdown(path).text)
    const named = pages.flatMap((text) => text.match(/(?<=`)--[a-z-]+/g) ?? [])
    expect(named.length).toBeGreaterThan(20)
    expect(named.filter((option) => !everything.includes(`${option} `))).toEqual([])
  })
})

describe('links and paths', () => {
  it('lead to files and headings that are there', () => {
    expect(manual.flatMap(findBrokenLinks)).toEqual([])
  })

  it('name files that are there', () => {
    const paths = manual.flatMap(
      ({ text }) => text.match(/(?<=`)(?:src|test|scripts|examples|bench)\/[\w./-]+(?=`)/g) ?? [],
    )
    expect(paths.length).toBeGreaterThan(20)
    expect(paths.filter((path) => !existsSync(`${ROOT}${path}`))).toEqual([])
  })

  it('would be noticed if they did not', () => {
    const text = '[a](docs/none.md) [b](README.md#none) [c](#none) [d](https://example.com/none) `[e]`'
    expect(findBrokenLinks({ path: 'README.md', text })).toEqual(
      ['docs/none.md', 'README.md#none', '#none'].map((target) => `README.md: ${target}`),
    )
  })

  it('go by the names that GitHub gives to headings', () => {
    expect(listAnchors("# `a-b`, or a provider's C\n## Twice\n```text\n# no\n```\n## Twice\n")).toEqual([
      'a-b-or-a-providers-c',
      'twice',
      'twice-1',
    ])
  })
})

describe('docs', () => {
  it('say of media whose bytes belie their type what a signed URL makes of them, and the remedy', () => {
    expect(readMarkdown('docs/signed-urls.md').text).toMatch(
      /`type-mismatch`.* a signed URL goes by the key's extension.*`disposition: 'attachment'`/,
    )
  })

  it('have an error table that says what errors.ts says', () => {
    const rows = readTable('docs/errors.md', 'code | meaning | retryable | what to do')
    const source = readFileSync(`${ROOT}src/errors.ts`, 'utf8')
    const classes = source.matchAll(
      /\/\*\*\n((?: \*.*\n)+) \*\/\nexport class \w+ extends WhatsAppMediaError \{\n {2}readonly code = '([a-z-]+)'/g,
    )
    const described = [...classes].map(([, comment = '', code]) => {
      const text = comment.replace(/^ \* ?/gm, '').trim()
      const [, meaning, retryable, toDo] = /^(.*)\n\nRetryable: (.*?)\. What to do: (.*)\.$/s.exec(text) ?? []
      return [`\`${code}\``, meaning, retryable, toDo].map((part) => part?.replaceAll('\n', ' '))
    })
    const circumstances = Object.values(errors).filter(
      (each) => typeof each === 'function' && each.prototype instanceof errors.WhatsAppMediaError,
    )
    expect(described).toHaveLength(circumstances.length)
    expect(rows.sort()).toEqual(described.sort())
  })

  it('have a table of defaults that says what the docstrings say', () => {
    const rows = readTable('docs/errors.md', 'option of | option | default')
    expect(rows.length).toBeGreaterThan(20)
    const program = getTypedBlocks()
    for (const [functionName = '', option = '', value = ''] of rows.map((row) =>
      row.map((cell) => cell.replaceAll('`', '')),
    )) {
      const text = findOptionDocs(program, functionName, option) ?? 'no such option'
      const [, quoted, plain] = /\bDefault:? (?:`([^`]+)`|([\d,]*\d(?: days)?))/.exec(text) ?? []
      expect(`${functionName} ${option} ${quoted ?? plain ?? text}`).toBe(`${functionName} ${option} ${value}`)
    }
  }, 60_000)

  it('have a table of all events', () => {
    const named = readTable('docs/logging-and-metrics.md', 'event | when | look at it').map(([name = '']) => name)
    const types = listTags(getTypedBlocks(), 'MediaEvent').map((type) => `\`${type}\``)
    expect(named.sort()).toEqual(types.sort())
  }, 60_000)
})
