// The limit: a raw TLS socket to either side, no HTTP stack, the bytes passed on as they come and hashed, the last piece
// held back until the hash is right. One pair of sockets for each transfer at a time.
import { createHash } from 'node:crypto'
import { connect } from 'node:tls'
import { authorization } from '../sigv4.mjs'

export function open({ source, sink }) {
  const idle = []
  const all = []
  const openPair = () => {
    const pair = { from: createLine(source), to: createLine(sink) }
    all.push(pair.from, pair.to)
    return pair
  }
  return {
    async archive(id) {
      const pair = idle.pop() ?? openPair()
      await transfer(pair, { source, sink, id })
      idle.push(pair)
    },
    close() {
      for (const { socket } of all) socket.destroy()
    },
  }
}

async function transfer({ from, to }, { source, sink, id }) {
  const { host } = new URL(source)
  let answer = ''
  await from.exchange(get(`/v25.0/${id}`, host), { piece: (bytes) => (answer += bytes.toString()) })
  const { url, sha256, mime_type: type } = JSON.parse(answer)
  const hash = createHash('sha256')
  let stored
  let held
  await from.exchange(get(new URL(url).pathname, host), {
    head(length) {
      stored = to.exchange(put({ id, host: new URL(sink).host, length, sha256, type }), { piece() {} })
    },
    piece(bytes) {
      hash.update(bytes)
      if (held !== undefined && !to.socket.write(held)) {
        from.socket.pause()
        to.socket.once('drain', () => from.socket.resume())
      }
      held = bytes
    },
  })
  if (hash.digest('hex') !== sha256) throw new Error('not the bytes announced')
  to.socket.write(held)
  await stored
}

function get(path, host) {
  return `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer bench\r\n\r\n`
}

function put({ id, host, length, sha256, type }) {
  const path = `/bench/bench/${id}`
  const headers = {
    'content-type': type,
    host,
    'if-none-match': '*',
    'x-amz-checksum-sha256': Buffer.from(sha256, 'hex').toString('base64'),
    'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    'x-amz-date': `${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`,
  }
  const signed = {
    ...headers,
    authorization: authorization({ method: 'PUT', path, headers }),
    'content-length': length,
  }
  const lines = Object.entries(signed).map(([name, value]) => `${name}: ${value}\r\n`)
  return `PUT ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
}

/** A connection on which one request follows the other. */
function createLine(origin) {
  const { hostname, port } = new URL(origin)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.setNoDelay(true)
  let take = () => {}
  let fail = () => {}
  socket.on('data', (bytes) => take(bytes))
  socket.on('error', (error) => fail(error))
  socket.on('close', () => fail(new Error('closed')))
  /** Sends a request's head; reports the answer's length, then its body in pieces; resolves after the last. */
  const exchange = (request, { head = () => {}, piece }) =>
    new Promise((resolve, reject) => {
      let early = Buffer.alloc(0)
      let left
      fail = reject
      const body = (bytes) => {
        left -= bytes.length
        if (bytes.length > 0) piece(bytes)
        if (left === 0) resolve()
      }
      take = (bytes) => {
        if (left !== undefined) return body(bytes)
        early = early.length === 0 ? bytes : Buffer.concat([early, bytes])
        const end = early.indexOf('\r\n\r\n')
        if (end < 0) return
        const text = early.toString('latin1', 0, end)
        if (!text.startsWith('HTTP/1.1 200')) return reject(new Error(text.slice(0, 12)))
        left = Number(/content-length: (\d+)/i.exec(text)[1])
        head(left)
        body(early.subarray(end + 4))
      }
      socket.write(request)
    })
  return { socket, exchange }
}
