// A stand-in for S3, in a process of its own. It takes PUTs, multipart too, checks signature, condition, checksum and
// every byte of the body, throws the bytes away, and keeps size and checksum for HEAD. `media/{size}.pdf` can be read.
// Prints its origin as one line of JSON; answers a message with what it got since the last one.
// With TLS_CERT and TLS_KEY it speaks https.
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { hashOf, isRight, sendBytes } from './media-bytes.mjs'
import { isSigned } from './sigv4.mjs'

const { TLS_CERT: cert = '', TLS_KEY: key } = process.env
/** What lib-storage cuts into, by default. */
const PART = 5_242_880

const objects = new Map()
const uploads = new Map()
let counts = none()

function none() {
  return { objects: 0, bytes: 0, refused: 0, unconditional: 0, unhashed: 0, connections: 0 }
}

const server = cert === '' ? createServer(answer) : createTlsServer({ cert, key }, answer)

function answer(request, response) {
  const { method, url, headers } = request
  if (!isSigned({ method, path: url, headers })) return refuse(request, response, 403)
  const { pathname, searchParams } = new URL(url, 'http://sink')
  const upload = searchParams.get('uploadId')
  if (method === 'PUT' && upload !== null) {
    return receive(request, response, {
      offset: (Number(searchParams.get('partNumber')) - 1) * PART,
      store: part(upload),
    })
  }
  if (method === 'PUT') return receive(request, response, { offset: 0, store: (size) => keep(pathname, size, headers) })
  if (method === 'POST' && upload !== null) return request.resume().on('end', () => complete(response, upload, headers))
  if (method === 'POST') return begin(response, pathname)
  if (method === 'GET') return read(response, { path: pathname, headers })
  const object = objects.get(pathname)
  if (object === undefined) return response.writeHead(404).end()
  response.writeHead(200, { 'content-length': object.size, 'x-amz-checksum-sha256': object.sha256 }).end()
}

function read(response, { path, headers }) {
  const size = Number(/^\/bench\/media\/(\d+)\.pdf$/.exec(path)?.[1])
  if (Number.isNaN(size)) return response.writeHead(404).end()
  response.writeHead(200, {
    'content-type': 'application/pdf',
    'content-length': size,
    'x-amz-meta-sha256': hashOf(size),
    // As S3: who asks gets it.
    ...(headers['x-amz-checksum-mode'] === 'ENABLED' ? checksumOf(size) : {}),
  })
  sendBytes(response, size)
}

function checksumOf(size) {
  const sha256 = Buffer.from(hashOf(size), 'hex').toString('base64')
  return { 'x-amz-checksum-sha256': sha256, 'x-amz-checksum-type': 'FULL_OBJECT' }
}

function receive(request, response, { offset, store }) {
  let size = 0
  let whole = true
  const take = (bytes) => {
    whole &&= isRight(bytes, offset + size)
    size += bytes.length
  }
  const { headers } = request
  const announced = headers['x-amz-decoded-content-length'] ?? headers['content-length']
  request.on('data', headers['content-encoding']?.includes('aws-chunked') ? unchunked(take) : take)
  request.on('end', () => {
    if (!whole || size !== Number(announced)) return refuse(request, response, 400)
    const status = store(size)
    if (status !== 200) return refuse(request, response, status)
    response.writeHead(200, { etag: `"${counts.objects}"`, 'content-length': 0 }).end()
  })
}

/** The whole object: under the condition, and only if the checksum that came with it is the bytes' own. */
function keep(
  path,
  size,
  { 'if-none-match': condition, 'x-amz-checksum-sha256': checksum, 'x-amz-content-sha256': payload },
) {
  const isHex = /^[0-9a-f]{64}$/.test(payload)
  if (checksum !== undefined && checksum !== Buffer.from(hashOf(size), 'hex').toString('base64')) return 400
  if (isHex && payload !== hashOf(size)) return 400
  if (condition === '*' && objects.has(path)) return 412
  objects.set(path, { size, sha256: checksum ?? '' })
  counts.objects++
  counts.bytes += size
  if (condition === undefined) counts.unconditional++
  if (checksum === undefined && !isHex) counts.unhashed++
  return 200
}

function begin(response, path) {
  const id = `${uploads.size + 1}-${counts.bytes}`
  uploads.set(id, { path, size: 0 })
  response.end(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`)
}

function part(id) {
  return (size) => {
    const upload = uploads.get(id)
    if (upload === undefined) return 404
    upload.size += size
    return 200
  }
}

function complete(response, id, { 'if-none-match': condition }) {
  const { path, size } = uploads.get(id)
  uploads.delete(id)
  keep(path, size, { 'if-none-match': condition })
  response.end('<CompleteMultipartUploadResult><ETag>"parts"</ETag></CompleteMultipartUploadResult>')
}

function refuse(request, response, status) {
  counts.refused++
  request.resume()
  response.writeHead(status, { 'content-length': 0 }).end()
}

/** Takes aws-chunked pieces apart (AWS: Transferring payloads in multiple chunks): size in hex, data, then trailers. */
function unchunked(take) {
  let line = ''
  let left = 0
  let state = 'size'
  return (bytes) => {
    for (let at = 0; at < bytes.length; ) {
      if (state === 'data') {
        const data = bytes.subarray(at, at + left)
        take(data)
        at += data.length
        left -= data.length
        if (left === 0) state = 'end of data'
        continue
      }
      const end = bytes.indexOf(10, at)
      line += bytes.toString('latin1', at, end < 0 ? bytes.length : end + 1)
      at = end < 0 ? bytes.length : end + 1
      if (end < 0 || state === 'trailers') continue
      left = state === 'size' ? Number.parseInt(line, 16) : 0
      state = state === 'size' ? (left > 0 ? 'data' : 'trailers') : 'size'
      line = ''
    }
  }
}

// Bodies over 2 MB of other clients wait for it.
server.on('checkContinue', (request, response) => {
  response.writeContinue()
  server.emit('request', request, response)
})
server.on('connection', () => {
  counts.connections++
})
// Clients take turns: the connections of each outlive the others' rounds.
server.keepAliveTimeout = 600_000
server.listen(0, '127.0.0.1', () => {
  const origin = `${cert === '' ? 'http' : 'https'}://127.0.0.1:${server.address().port}`
  process.stdout.write(`${JSON.stringify({ origin })}\n`)
})
process.on('message', () => {
  process.send(counts)
  counts = none()
  objects.clear()
})
process.on('disconnect', () => process.exit())
