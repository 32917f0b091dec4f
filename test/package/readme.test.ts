import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import * as errors from '../../src/errors.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const readme = readFileSync(`${root}README.md`, 'utf8')
const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ''], index) => ({
  name: `${root}examples/readme-block-${index + 1}.ts`,
  code: `${code}\nexport {}\n`,
}))

/** Type-checks the blocks as files of this project, with imports by package name. */
function problemsOf(files: readonly { name: string; code: string }[]): string[] {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
  const host = ts.createCompilerHost(options)
  const read = host.getSourceFile.bind(host)
  const code = new Map(files.map((file) => [file.name, file.code]))
  host.getSourceFile = (name, languageOptions, ...rest) => {
    const text = code.get(name)
    return text === undefined ? read(name, languageOptions, ...rest) : ts.createSourceFile(name, text, languageOptions)
  }
  host.fileExists = (name) => code.has(name) || ts.sys.fileExists(name)
  const program = ts.createProgram(
    [...code.keys()],
    { ...options, noUnusedLocals: false, noPropertyAccessFromIndexSignature: false },
    host,
  )
  return files.flatMap(({ name }) =>
    ts
      .getPreEmitDiagnostics(program, program.getSourceFile(name))
      .filter(({ file }) => file?.fileName === name)
      .map(({ messageText }) => `${name}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`),
  )
}

describe('README', () => {
  it('has code blocks that type-check against this version', () => {
    expect(blocks.length).toBeGreaterThan(4)
    expect(problemsOf(blocks)).toEqual([])
  }, 60_000)

  it('would notice a block that does not', () => {
    const wrong = {
      name: `${root}examples/readme-block-0.ts`,
      code: "import { nothing } from 'whatsapp-media-archive'\nnothing()\n",
    }
    expect(problemsOf([wrong])).toHaveLength(1)
  }, 60_000)

  it('names both commands for newcomers', () => {
    expect(readme).toContain('npm ci && npm test')
    expect(readme).toContain('npm ci && npm run demo')
  })

  it('says of media whose bytes belie their type what a signed URL makes of them, and the remedy', () => {
    expect(readme).toMatch(/`type-mismatch`.* a signed URL goes by the key's extension.*`disposition: 'attachment'`/)
  })

  it('has an error table that says what errors.ts says', () => {
    const rows = [...readme.matchAll(/^\| `([a-z-]+)` \| (.+) \| (.+) \| (.+) \|$/gm)].map(([, ...row]) => row)
    const source = readFileSync(`${root}src/errors.ts`, 'utf8')
    const classes = source.matchAll(
      /\/\*\*\n((?: \*.*\n)+) \*\/\nexport class \w+ extends WhatsAppMediaError \{\n {2}readonly code = '([a-z-]+)'/g,
    )
    const described = [...classes].map(([, comment = '', code]) => {
      const text = comment.replace(/^ \* ?/gm, '').trim()
      const [, meaning, retryable, toDo] = /^(.*)\n\nRetryable: (.*?)\. What to do: (.*)\.$/s.exec(text) ?? []
      return [code, meaning, retryable, toDo].map((part) => part?.replaceAll('\n', ' '))
    })
    const circumstances = Object.values(errors).filter(
      (each) => typeof each === 'function' && each.prototype instanceof errors.WhatsAppMediaError,
    )
    expect(described).toHaveLength(circumstances.length)
    expect(rows.sort()).toEqual(described.sort())
  })
})
