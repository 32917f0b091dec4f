// What `nest build` made, as `npm run start:prod` starts it: it answers, and ends at SIGTERM.
const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { createServer } = require('node:net')

async function findPort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return String(port)
}

async function run() {
  const port = await findPort()
  const settings = {
    ...{ PORT: port, MEDIA_DIRECTORY: 'media', WHATSAPP_MEDIA_URL_SECRET: 'a secret for tests' },
    ...{ WHATSAPP_PHONE_NUMBER_ID: '106540352242922', WHATSAPP_ACCESS_TOKEN: 'token' },
    ...{ WHATSAPP_APP_SECRET: 'app-secret', WHATSAPP_VERIFY_TOKEN: 'verify-token' },
  }
  const app = spawn(process.execPath, ['dist/main'], { env: { ...process.env, ...settings }, stdio: 'pipe' })
  const ended = once(app, 'exit')
  let printed = ''
  for (const stream of [app.stdout, app.stderr]) stream.on('data', (text) => (printed += text))
  while (!printed.includes('successfully started')) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (app.exitCode !== null) throw new Error(printed)
  }
  const query = 'hub.mode=subscribe&hub.verify_token=verify-token&hub.challenge=7'
  const answer = await fetch(`http://127.0.0.1:${port}/webhook?${query}`)
  assert.equal(await answer.text(), '7')
  app.kill('SIGTERM')
  await ended
  assert.match(printed, /stopped; 0 media are left/)
}

void run()
