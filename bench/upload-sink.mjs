// A stand-in for Meta's uploads, in a process of its own. It takes forms with a file, checks token, length, fields and
// every byte of the file, throws the bytes away, and answers with an id.
// Prints its origin as one line of JSON; answers a message with what it got since the last one.
// With TLS_CERT and TLS_KEY it speaks https.
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { isRight } from './media-bytes.mjs'

const { TLS_CERT: cert = '', TLS_KEY: key } = process.env
/** Fields and headers of a form take less. */
const MAX_HEAD_BYTES = 4_096

let counts = none()

function none() {
  return { objects: 0, bytes: 0, refused: 0, unconditional: 0, unhashed: 0 }
}

const server = cert === '' ? createServer(answer) : createTlsServer({ cert, key }, answer)

function answer(request, response) {
  const { headers } = request
  const [, boundary] = /^multipart\/form-data; ?boundary="?([^"]+)"?$/.exec(headers['content-type'] ?? '') ?? []
  const isWelcome = request.method === 'POST' && headers.authorization === 'Bearer bench' && boundary !== undefined
  const form = readForm(boundary)
  let length = 0
  request.on('data', (chunk) => {
    length += chunk.length
    form.take(chunk)
  })
  request.on('end', () => {
    const isWhole = isWelcome && length === Number(headers['content-length']) && form.isWhole()
    if (isWhole) {
      counts.objects++
      counts.bytes += form.size()
    } else counts.refused++
    response.setHeader('content-type', 'application/json')
    response.writeHead(isWhole ? 200 : 400).end(JSON.stringify(isWhole ? { id: String(counts.objects) } : {}))
  })
}

/** A form whose file comes last and has its size as name, `{size}.pdf`. */
function readForm(boundary) {
  const end = Buffer.from(`\r\n--${boundary}--`)
  let head = Buffer.alloc(0)
  let size
  let received = 0
  let isSame = true
  let rest = Buffer.alloc(0)
  const takeFile = (chunk) => {
    const bytes = chunk.subarray(0, size - received)
    if (bytes.length > 0) isSame &&= isRight(bytes, received)
    received += bytes.length
    if (bytes.length < chunk.length) rest = Buffer.concat([rest, chunk.subarray(bytes.length)])
  }
  return {
    take(chunk) {
      if (size !== undefined) return takeFile(chunk)
      head = Buffer.concat([head, chunk.subarray(0, MAX_HEAD_BYTES)])
      const text = head.toString('latin1')
      const file = /name="file"; filename="(\d+)\.pdf"\r\ncontent-type: application\/pdf\r\n\r\n/i.exec(text)
      if (file === null) return
      isSame &&= /name="messaging_product"\r\n[\s\S]*?\r\nwhatsapp\r\n/.test(text)
      size = Number(file[1])
      const length = head.length - Math.min(chunk.length, MAX_HEAD_BYTES)
      takeFile(chunk.subarray(file.index + file[0].length - length))
    },
    isWhole: () => isSame && received === size && rest.subarray(0, end.length).equals(end),
    size: () => size,
  }
}

// Clients take turns: the connections of each outlive the others' rounds.
server.keepAliveTimeout = 600_000
server.requestTimeout = 0
server.listen(0, '127.0.0.1', () => {
  const origin = `${cert === '' ? 'http' : 'https'}://127.0.0.1:${server.address().port}`
  process.stdout.write(`${JSON.stringify({ origin })}\n`)
})
process.on('message', () => {
  process.send(counts)
  counts = none()
})
process.on('disconnect', () => process.exit())
