// The packed command line sends a file to a fake Cloud API, with the recipient from standard input. Its argument: the path
// of the command line.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFakeCloudApi } from 'whatsapp-media-archive/testing'

const [, , cli] = process.argv
const api = await createFakeCloudApi()
const folder = mkdtempSync(join(tmpdir(), 'packed-send-'))
const file = join(folder, 'offer.pdf')
const bytes = Buffer.from('%PDF-1.7 the offer')
writeFileSync(file, bytes)
const own = ['--account', 'acme', '--phone-number-id', '106540352242922', '--directory', join(folder, 'objects')]
const env = { PATH: process.env.PATH, WHATSAPP_ACCESS_TOKEN: api.accessToken }
const argv = [cli, 'send', file, ...own, '--to', '-', '--cloud-api', api.origin]
const output = await new Promise((resolve, reject) => {
  const child = execFile(process.execPath, argv, { env }, (error, out) =>
    error === null ? resolve(out) : reject(error),
  )
  child.stdin.end('+15550002222\n')
})
await api.close()
rmSync(folder, { recursive: true })
const [message] = api.messages
if (output.split('\t')[1] !== `${message?.messageId}\n` || !api.uploads[0]?.bytes.equals(bytes)) {
  throw new Error(`the command printed ${output}`)
}
console.log('sent')
