import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, it } from 'vitest'

const file = fileURLToPath(new URL('../../src/errors.ts', import.meta.url))

it('an error keeps its name in a bundle that was minified', async () => {
  const { outputFiles } = await build({
    ...{ entryPoints: [file], bundle: true, minify: true, write: false, platform: 'node', format: 'esm' },
  })
  const bundle: { InvalidOptionError: new (details: object) => Error } = await import(
    `data:text/javascript,${encodeURIComponent(outputFiles[0]?.text ?? '')}`
  )
  const error = new bundle.InvalidOptionError({ option: 'region', problem: 'is missing' })
  expect(error.constructor.name).not.toBe('InvalidOptionError')
  expect(error.name).toBe('InvalidOptionError')
  expect(`${error}`).toBe('InvalidOptionError: region is missing')
})

it('each class of errors names itself', () => {
  const classes = [...readFileSync(file, 'utf8').matchAll(/^export class (\w+) extends [\s\S]*?^\}/gm)]
  expect(classes.length).toBeGreaterThan(15)
  for (const [text, name] of classes) expect(text).toContain(`override readonly name = '${name}'`)
})
