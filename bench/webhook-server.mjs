// One webhook server in a process of its own. `KIND` says which: `by-hand` verifies and parses on bare node:http,
// `handler` is toNodeHandler, `extracting` also extracts the media. Prints its port; answers messages with its CPU use.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import { createWebhookHandler, toNodeHandler } from '../dist/webhook.js'

const appSecret = 'bench-app-secret'

function byHand(request, response) {
  const parts = []
  request.on('data', (part) => parts.push(part))
  request.on('end', () => {
    const body = Buffer.concat(parts)
    const given = Buffer.from(String(request.headers['x-hub-signature-256']).slice(7), 'hex')
    const right = createHmac('sha256', appSecret).update(body).digest()
    const isRight = given.length === right.length && timingSafeEqual(given, right)
    if (isRight) JSON.parse(body.toString('utf8'))
    response.writeHead(isRight ? 200 : 401, { 'content-type': 'text/plain', 'content-length': 2 }).end('ok')
  })
}

const callbacks = { handler: { onPayload() {} }, extracting: { onPayload() {}, onMedia() {} } }[process.env.KIND]
const listener =
  callbacks === undefined
    ? byHand
    : toNodeHandler(createWebhookHandler({ appSecret, verifyToken: 'bench', ...callbacks }))

const server = createServer(listener)
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
process.on('message', () => process.send({ cpu: process.cpuUsage(), rss: process.memoryUsage.rss() }))
process.on('disconnect', () => process.exit())
