// A store that answers PutObject, HeadObject and GetObject as S3 does, and keeps what it was sent.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'

export async function createS3Double() {
  const objects = new Map()
  const refuse = (response, status, code) =>
    response.writeHead(status, { 'content-type': 'application/xml' }).end(`<Error><Code>${code}</Code></Error>`)
  const server = createServer(async (request, response) => {
    const { method, headers } = request
    const path = decodeURIComponent(request.url.replace(/\?.*/, ''))
    const body = await buffer(request)
    if (!/^AWS4-HMAC-SHA256 Credential=.+, SignedHeaders=.+, Signature=[0-9a-f]{64}$/.test(headers.authorization)) {
      return refuse(response, 403, 'AccessDenied')
    }
    if (method === 'PUT') {
      if (headers['if-none-match'] === '*' && objects.has(path)) return refuse(response, 412, 'PreconditionFailed')
      const hash = createHash('sha256').update(body).digest('base64')
      if (headers['content-length'] !== String(body.length)) return refuse(response, 400, 'IncompleteBody')
      if (hash !== headers['x-amz-checksum-sha256']) return refuse(response, 400, 'BadDigest')
      objects.set(path, { headers, body })
      return response.writeHead(200, { etag: '"etag"' }).end()
    }
    const found = objects.get(path)
    if (found === undefined) return refuse(response, 404, 'NoSuchKey')
    response.writeHead(200, { 'content-type': found.headers['content-type'], 'content-length': found.body.length })
    response.end(method === 'HEAD' ? undefined : found.body)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { origin: `http://127.0.0.1:${server.address().port}`, objects, close }
}
