import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { findCodeBlocks, ROOT, readMarkdown } from '../package/documents.js'
import { findFreePort, runExample } from './run-example.js'

it('the program of "Try it by hand" shows the photo of its webhook behind a signed URL', async () => {
  const block = findCodeBlocks(readMarkdown('docs/testing.md')).find(({ code }) => code.includes("from './express.js'"))
  const directory = await mkdtemp(join(tmpdir(), 'try-by-hand-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const file = join(directory, 'try.mts')
  await writeFile(file, String(block?.code).replace('./express.js', `${ROOT}examples/express.ts`))
  const port = await findFreePort()
  const { output } = runExample(`${file} ${port} ${ROOT}samples/photo.jpg`, {}, { directory })
  await vi.waitFor(() => expect(output()).toContain(`200 http://localhost:${port}/messages`), 20_000)
  const signedUrl = await vi.waitFor(async () => {
    const messages: unknown = await (await fetch(`http://localhost:${port}/messages`)).json()
    expect(messages).toMatchObject([{ mediaStatus: 'archived' }, { content: { text: 'Look!' } }])
    return /"signedUrl":"([^"]+)"/.exec(JSON.stringify(messages))?.[1] ?? ''
  }, 20_000)
  const photo = await fetch(signedUrl)
  expect([photo.status, photo.headers.get('content-type')]).toEqual([200, 'image/jpeg'])
})
