import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'

/** Enough of S3 for `createS3Storage`: PUT with checksum and condition, HEAD, AWS's own error words. State in memory. */
export interface S3StandIn {
  host: string
  port: number
  /** Bytes by path, `/bucket/key`. */
  objects: ReadonlyMap<string, Uint8Array>
  close(): Promise<void>
}

interface Held {
  bytes: Buffer
  headers: Record<string, string>
}

export async function createS3StandIn(): Promise<S3StandIn> {
  const held = new Map<string, Held>()

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url ?? '/', 'http://s3').pathname
    if (request.method === 'HEAD') return head(response, held.get(path))
    if (request.method !== 'PUT') return refuse(response, 405, 'MethodNotAllowed')
    // A body that breaks off rejects here, and nothing is kept.
    const bytes = await buffer(request)
    const checksum = createHash('sha256').update(bytes).digest('base64')
    if (request.headers['x-amz-checksum-sha256'] !== checksum) return refuse(response, 400, 'BadDigest')
    if (request.headers['if-none-match'] === '*' && held.has(path)) return refuse(response, 412, 'PreconditionFailed')
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`
    held.set(path, { bytes, headers: { ...keptHeaders(request), 'x-amz-checksum-sha256': checksum, etag } })
    response.writeHead(200, { etag }).end()
  }

  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    host: '127.0.0.1',
    port: typeof address === 'object' && address !== null ? address.port : 0,
    get objects() {
      return new Map([...held].map(([path, { bytes }]) => [path, bytes]))
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function head(response: ServerResponse, object: Held | undefined): void {
  if (object === undefined) response.writeHead(404).end()
  else response.writeHead(200, { ...object.headers, 'content-length': object.bytes.length }).end()
}

function keptHeaders({ headers }: IncomingMessage): Record<string, string> {
  const kept = Object.entries(headers).filter(
    ([name]) => name === 'content-type' || name === 'content-disposition' || name.startsWith('x-amz-meta-'),
  )
  return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]))
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' }).end(s3Error(code))
}

/** AWS: Error responses. */
export function s3Error(code: string, details = ''): string {
  const words = `<Code>${code}</Code><Message>Refused for a test.</Message>${details}`
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${words}<RequestId>TX000001</RequestId><HostId>standin</HostId></Error>`
}
