import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { ROOT } from './documents.js'
import { createProgram, findExamples, findTypeErrors, toJavaScript } from './typed-blocks.js'

/** The functions that people call first. */
const MAIN_FUNCTIONS = [
  'createMediaArchive',
  'archiveMedia',
  'downloadMediaFromWhatsApp',
  'uploadToS3',
  'getSignedUrl',
  'signUrls',
  'buildMediaKey',
  'toContent',
  'extractMedia',
  'createWebhookHandler',
  'toNodeHandler',
  'toLambdaHandler',
  'verifySignature',
  'createInProcessQueue',
  'createS3Storage',
]

/** Long enough for a slow machine, short of an example that leaves a server open. */
const TIMEOUT_MS = 30_000

const examples = findExamples(createProgram([]))
const files = examples.map(({ name, code }, at) => ({
  example: `${name}${at > 0 && examples[at - 1]?.name === name ? ', another' : ''}`,
  name: join(ROOT, 'examples', `docstring-${at}.ts`),
  code: `${code}\nexport {}\n`,
}))

let program: ts.Program | undefined

/** One program for all: making it takes seconds. */
function getProgram(): ts.Program {
  program ??= createProgram(files)
  return program
}

describe('the examples in docstrings', () => {
  it.each(MAIN_FUNCTIONS)('there is one of %s', (name) => {
    expect(examples.map((example) => example.name)).toContain(name)
  })

  it.each(files)('that of $example type-checks', ({ name }) => {
    expect(findTypeErrors(getProgram(), name)).toEqual([])
  })

  it.concurrent.each(files)('that of $example runs to its end', async ({ code }) => {
    const args = ['--import', 'tsx', '--throw-deprecation', '--input-type=module', '--eval', toJavaScript(code)]
    const { stderr } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, timeout: TIMEOUT_MS })
    expect(stderr).toBe('')
  })
})
