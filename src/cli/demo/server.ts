import { createServer, type RequestListener } from 'node:http'

/** The demo's web server: one port for the webhook, the signed URLs of files, and the page. */
export interface DemoServer {
  /** `http://127.0.0.1:{port}` */
  origin: string
  /** Answers paths with this first segment (`webhook` for `/webhook`, the empty string for `/`); all else gets 404. */
  route(segment: string, listener: RequestListener): void
  close(): Promise<void>
}

/** Starts the server on the loopback, at a free port. */
export async function startDemoServer(): Promise<DemoServer> {
  const routes = new Map<string, RequestListener>()
  const server = createServer((request, response) => {
    const [, segment = ''] = /^\/([^/?]*)/.exec(String(request.url)) ?? []
    const listener = routes.get(segment)
    if (listener === undefined) response.writeHead(404, { 'content-type': 'text/plain' }).end('Not Found')
    else listener(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  /* v8 ignore next -- @preserve a server that listens at a port has an address object, never a pipe's name */
  const port = typeof address === 'object' ? address?.port : ''
  return {
    origin: `http://127.0.0.1:${port}`,
    route: (segment, listener) => void routes.set(segment, listener),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
