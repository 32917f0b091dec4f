// A stand-in for Meta, in a process of its own: the look-up and the bytes, as fast as Node gives them.
// Prints its origin as one line of JSON. `/{version}/{size}-{n}` looks up a body of `size` bytes.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'

const BLOCK = Buffer.alloc(65_536, 'whatsapp-media-archive ')
const hashes = new Map()

function hashOf(size) {
  let digest = hashes.get(size)
  if (digest === undefined) {
    const hash = createHash('sha256')
    for (let left = size; left > 0; left -= BLOCK.length) hash.update(BLOCK.subarray(0, Math.min(left, BLOCK.length)))
    digest = hash.digest('hex')
    hashes.set(size, digest)
  }
  return digest
}

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://source')
  const [, kind, id] = pathname.split('/')
  const size = Number(id?.split('-')[0])
  if (kind === 'bytes') return sendBytes(response, size)
  const url = `${origin()}/bytes/${id}`
  const info = {
    messaging_product: 'whatsapp',
    url,
    mime_type: 'application/pdf',
    sha256: hashOf(size),
    file_size: size,
    id,
  }
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(info))
})

function sendBytes(response, size) {
  response.writeHead(200, { 'content-type': 'application/pdf', 'content-length': size })
  let left = size
  const write = () => {
    while (left > 0) {
      const piece = left >= BLOCK.length ? BLOCK : BLOCK.subarray(0, left)
      left -= piece.length
      if (!response.write(piece)) return response.once('drain', write)
    }
    response.end()
  }
  write()
}

function origin() {
  return `http://127.0.0.1:${server.address().port}`
}

server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ origin: origin() })}\n`))
process.on('disconnect', () => process.exit())
