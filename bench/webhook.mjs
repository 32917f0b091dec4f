// CPU of a webhook server per 2 KB webhook: toNodeHandler against verifying and parsing by hand on bare node:http, in
// one run, rounds interleaved. Then a body of 50 MB under a forged signature: the server's memory must stay flat. Needs `npm run build`.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { buildWebhook, signWebhook } from '../dist/testing.js'

const PROCESSES = 3
const ROUNDS = 7
const WEBHOOKS = 2_000
const CONCURRENCY = 16
const BOUND = 1.3
const FLAT_MB = 20
const MEDIA = {
  type: 'image',
  object: {
    caption: 'x'.repeat(1_100),
    mime_type: 'image/jpeg',
    sha256: 'SfInY0gGKTsJlUWbwxC1k+FAD0FZHvzwfpvO0zX0GUI=',
    id: '1761000000000001',
    url: 'https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1761000000000001&source=webhook&ext=1760540696&hash=x',
  },
}

const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY })
const { body, headers } = signWebhook(buildWebhook([{ media: MEDIA, messageId: 'wamid.bench' }]), {
  appSecret: 'bench-app-secret',
})

async function start(kind) {
  const child = fork(new URL('./webhook-server.mjs', import.meta.url), { env: { ...process.env, KIND: kind } })
  const [{ port }] = await once(child, 'message')
  const ask = async () => {
    child.send('usage')
    return (await once(child, 'message'))[0]
  }
  return { kind, port, ask, stop: () => child.kill(), costs: [] }
}

function post(port) {
  return new Promise((resolve, reject) => {
    const options = { port, agent, method: 'POST', headers: { ...headers, 'content-length': body.length } }
    const outgoing = request(options, (response) => {
      if (response.statusCode !== 200) reject(new Error(`HTTP ${response.statusCode}`))
      response.resume().on('end', resolve)
    })
    outgoing.on('error', reject).end(body)
  })
}

async function load(port, count) {
  let left = count
  const worker = async () => {
    while (left-- > 0) await post(port)
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
}

async function measure(server) {
  const before = (await server.ask()).cpu
  await load(server.port, WEBHOOKS)
  const { user, system } = (await server.ask()).cpu
  server.costs.push((user - before.user + system - before.system) / WEBHOOKS)
}

/** Sends 50 MB without a length and with a forged signature, as long as the server takes them. */
function flood(port) {
  return new Promise((resolve) => {
    const forged = { 'content-type': 'application/json', 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` }
    const outgoing = request({ port, method: 'POST', headers: forged }, (response) =>
      response.resume().on('close', () => resolve(response.statusCode)),
    )
    outgoing.on('error', () => resolve('closed'))
    const piece = Buffer.alloc(65_536, ' ')
    let left = 50_000_000
    const write = () => {
      while (left > 0 && !outgoing.destroyed) {
        left -= piece.length
        if (!outgoing.write(piece)) return outgoing.once('drain', write)
      }
      outgoing.end()
    }
    write()
  })
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

const KINDS = ['by-hand', 'handler', 'extracting']
const servers = await Promise.all(Array.from({ length: PROCESSES }, () => KINDS.map(start)).flat())
for (const server of servers) await load(server.port, WEBHOOKS)
for (let round = 0; round < ROUNDS; round++) for (const server of servers) await measure(server)

// Other load on the machine only ever adds to CPU time, so of a process's rounds the least counts; where the system
// puts a process changes its cost by a fifth, so of the processes the middle one does.
const costOf = (kind) => median(servers.filter((each) => each.kind === kind).map(({ costs }) => Math.min(...costs)))
const ratioOf = (kind) => costOf(kind) / costOf('by-hand')
for (const kind of KINDS) {
  console.log(
    `${kind.padEnd(10)} ${costOf(kind).toFixed(0).padStart(4)} µs CPU per webhook of ${body.length} B, ${ratioOf(kind).toFixed(2)} x by hand`,
  )
}
const handler = servers[1]
const calm = (await handler.ask()).rss
const answer = await flood(handler.port)
const grown = ((await handler.ask()).rss - calm) / 1_000_000
console.log(`forged 50 MB: answered ${answer}, memory ${grown.toFixed(0)} MB above before (bound ${FLAT_MB} MB)`)
for (const { stop } of servers) stop()
agent.destroy()
process.exitCode = ratioOf('handler') <= BOUND && grown <= FLAT_MB ? 0 : 1
