// A stand-in for S3, in a process of its own: takes PUTs, throws the bytes away, keeps size and checksum for HEAD.
// Prints its origin as one line of JSON.
import { createServer } from 'node:http'

const objects = new Map()

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://sink')
  if (request.method === 'PUT') return receive(request, response, pathname)
  const object = objects.get(pathname)
  if (object === undefined) return response.writeHead(404).end()
  response.writeHead(200, { 'content-length': object.size, 'x-amz-checksum-sha256': object.sha256 }).end()
})

function receive(request, response, key) {
  let size = 0
  request.on('data', (chunk) => {
    size += chunk.length
  })
  request.on('end', () => {
    const announced = Number(request.headers['x-amz-decoded-content-length'] ?? request.headers['content-length'])
    if (request.headers['x-amz-decoded-content-length'] === undefined && size !== announced) {
      return response.writeHead(400).end()
    }
    objects.set(key, { size: announced, sha256: request.headers['x-amz-checksum-sha256'] ?? '' })
    response.writeHead(200, { etag: `"${objects.size}"` }).end()
  })
}

// Bodies over 2 MB of other clients wait for it.
server.on('checkContinue', (request, response) => {
  response.writeContinue()
  server.emit('request', request, response)
})
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(`${JSON.stringify({ origin: `http://127.0.0.1:${server.address().port}` })}\n`),
)
process.on('disconnect', () => process.exit())
