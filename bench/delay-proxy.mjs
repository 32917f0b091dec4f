// A TCP proxy that makes the loopback as long as a continent: every byte takes half of ROUND_TRIP_MS either way, and a
// new connection a round trip before its first byte. TLS passes through as it is. TARGET is the origin behind it.
// Prints its own origin as one line of JSON.
import { connect, createServer } from 'node:net'

const roundTrip = Number(process.env.ROUND_TRIP_MS)
const { protocol, hostname, port } = new URL(process.env.TARGET)
/** Bytes under way in one direction of a connection: a window of the size that long lines are tuned to. */
const WINDOW = 6_291_456

// Half open: an end travels as long as the bytes before it.
const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
  const upstream = connect({ host: hostname, port: Number(port), noDelay: true, allowHalfOpen: true })
  const openedAt = performance.now() + roundTrip
  carry(client, upstream, openedAt)
  carry(upstream, client, openedAt)
  for (const [socket, other] of [
    [client, upstream],
    [upstream, client],
  ]) {
    socket.on('error', () => other.destroy())
  }
})

function carry(from, to, openedAt) {
  const queue = []
  let underWay = 0
  let timer
  const deliver = () => {
    timer = undefined
    to.cork()
    while (queue.length > 0 && queue[0].at <= performance.now()) {
      const { bytes } = queue.shift()
      if (bytes === undefined) {
        to.end()
        continue
      }
      underWay -= bytes.length
      to.write(bytes)
    }
    to.uncork()
    if (underWay < WINDOW) from.resume()
    if (queue.length > 0) timer = setTimeout(deliver, Math.max(0, queue[0].at - performance.now()))
  }
  const add = (bytes) => {
    queue.push({ at: Math.max(performance.now(), openedAt) + roundTrip / 2, bytes })
    timer ??= setTimeout(deliver, queue[0].at - performance.now())
  }
  from.on('data', (bytes) => {
    underWay += bytes.length
    if (underWay >= WINDOW) from.pause()
    add(bytes)
  })
  from.on('end', () => add(undefined))
  to.on('close', () => clearTimeout(timer))
}

server.listen(0, '127.0.0.1', () => {
  const origin = `${protocol}//127.0.0.1:${server.address().port}`
  process.stdout.write(`${JSON.stringify({ origin })}\n`)
})
process.on('disconnect', () => process.exit())
