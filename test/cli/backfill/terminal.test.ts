import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createFakeCloudApi } from '../../../src/testing/fake-cloud-api.js'
import { temporaryFolder } from '../command-context.js'

const CTRL_C = '\u0003'

// Only util-linux' script(1) starts a command in a pseudo-terminal in this way.
it.skipIf(process.platform !== 'linux')(
  'the command backfill draws its bar in a terminal, and stops at Ctrl-C, at the second at once',
  async () => {
    const api = await createFakeCloudApi()
    onTestFinished(() => api.close())
    const folder = temporaryFolder()
    const timestamp = new Date(Date.now() - 86_400_000).toISOString()
    const lines: string[] = []
    for (let index = 0; index < 20; index++) {
      const media = { bytes: Buffer.from(`text ${index}`), mimeType: 'text/plain', mediaType: 'document' } as const
      const { mediaId } = await api.addMedia(media)
      lines.push(JSON.stringify({ mediaId, mediaType: 'document', mimeType: 'text/plain', timestamp }))
      // The last one's answer never comes.
      if (index === 19) api.fail({ on: 'look-up', kind: 'stall', mediaId })
    }
    const input = join(folder, 'in.jsonl')
    writeFileSync(input, `${lines.join('\n')}\n`)
    const where = ['--directory', join(folder, 'objects'), '--cloud-api', api.origin, '--media-host', api.origin]
    const command = ['exec', process.execPath, '--import tsx src/cli.ts backfill', input, '--account pixels', ...where]
    const { PATH = '' } = process.env
    const env = { PATH, SHELL: '/bin/sh', WHATSAPP_ACCESS_TOKEN: api.accessToken }
    const terminal = spawn('script', ['-qfec', `stty cols 100; ${command.join(' ')}`, '/dev/null'], { env })
    onTestFinished(() => void terminal.kill('SIGKILL'))
    let text = ''
    terminal.stdout.on('data', (chunk: Buffer) => {
      // Each drawing on a line of its own.
      text += String(chunk).replaceAll('\r\u001b[K', '\n')
    })
    const ended = new Promise((resolve) => void terminal.on('close', resolve))

    const patience = { timeout: 60_000, interval: 50 }
    await vi.waitFor(() => expect(text).toMatch(/^█{29}░ 95 % {2}done 19 {2}gone 0 {2}failed 0 {2}\d+ B/m), patience)
    terminal.stdin.write(CTRL_C)
    await vi.waitFor(() => expect(text).toContain('Stopping: transfers under way finish first.'), patience)
    terminal.stdin.write(CTRL_C)
    expect(await ended).toBe(130)
    expect(text).toMatch(/^archived {18}19 /m)
    expect(text).toContain('left                       1  run the same command again\r\n')
    expect(text).not.toContain(api.accessToken)
  },
  120_000,
)
