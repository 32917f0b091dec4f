// A stand-in for Meta, in a process of its own: the look-up and the bytes, as fast as Node gives them, to who has the
// token. Prints its origin as one line of JSON. `/{version}/{size}-{n}` looks up a body of `size` bytes.
// With TLS_CERT and TLS_KEY it speaks https.
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { hashOf, sendBytes } from './media-bytes.mjs'

const { TLS_CERT: cert = '', TLS_KEY: key } = process.env
const server = cert === '' ? createServer(answer) : createTlsServer({ cert, key }, answer)

function answer(request, response) {
  if (request.headers.authorization !== 'Bearer bench') return response.writeHead(401).end()
  const { pathname } = new URL(request.url, 'http://source')
  const [, kind, id] = pathname.split('/')
  const size = Number(id?.split('-')[0])
  if (kind === 'bytes') {
    response.writeHead(200, { 'content-type': 'application/pdf', 'content-length': size })
    return sendBytes(response, size)
  }
  const info = {
    messaging_product: 'whatsapp',
    url: `${origin()}/bytes/${id}`,
    mime_type: 'application/pdf',
    sha256: hashOf(size),
    file_size: size,
    id,
  }
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(info))
}

function origin() {
  return `${cert === '' ? 'http' : 'https'}://127.0.0.1:${server.address().port}`
}

// Clients take turns: the connections of each outlive the others' rounds.
server.keepAliveTimeout = 600_000
server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ origin: origin() })}\n`))
process.on('disconnect', () => process.exit())
