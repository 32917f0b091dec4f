// Servers on the loopback: those of node:http(s), and the runtime's own for a function of `Request`.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { connect } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

/** The check of consumers makes it, and lets each runtime trust it. */
const certificate = { key: readFileSync('key.pem'), cert: readFileSync('cert.pem') }

/** @returns the server's origin, and `close`. */
export function serveNode(handler) {
  return listen(createServer(handler), 'http')
}

/** Over TLS, as the real services are. */
export function serveNodeSecurely(handler) {
  return listen(createSecureServer(certificate, handler), 'https')
}

/** TLS in front of a plain server: every fault of a connection goes through. */
export function serveTunnel(origin) {
  const { port } = new URL(origin)
  const server = createTlsServer(certificate, (secure) => {
    const plain = connect(Number(port), '127.0.0.1')
    secure.pipe(plain)
    plain.pipe(secure, { end: false })
    secure.on('error', () => plain.destroy()).on('close', () => plain.destroy())
    // Not by `end`: Deno's TLS then leaves the connection below it open.
    plain.on('error', () => secure.destroy()).on('end', () => setTimeout(() => secure.destroy(), 100))
  })
  return listen(server, 'https')
}

/** A function of `Request` on Bun's and Deno's own server, or undefined on Node, which has none. */
export function serveFetch(handler) {
  if (globalThis.Bun !== undefined) {
    const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: handler })
    return { origin: `http://127.0.0.1:${server.port}`, close: () => server.stop(true) }
  }
  if (globalThis.Deno !== undefined) {
    const server = Deno.serve({ port: 0, hostname: '127.0.0.1', onListen() {} }, handler)
    return { origin: `http://127.0.0.1:${server.addr.port}`, close: () => server.shutdown() }
  }
  return undefined
}

async function listen(server, protocol) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `${protocol}://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections?.()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}
