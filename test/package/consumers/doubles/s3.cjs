// The part of S3 that an archive needs: create once, with the checksum that was announced; read; head.
const { createHash } = require('node:crypto')
const { createServer } = require('node:http')

module.exports = async function startS3() {
  const objects = new Map()
  const server = createServer(async (request, response) => {
    const path = request.url.split('?')[0]
    const body = Buffer.concat(await request.toArray())
    const sha256 = createHash('sha256').update(body).digest('base64')
    const answer = (status, headers = {}, content = '') => response.writeHead(status, headers).end(content)
    const found = objects.get(path)
    if (request.method === 'PUT') {
      if (!/Signature=[0-9a-f]{64}$/.test(request.headers.authorization)) return answer(403)
      if (request.headers['x-amz-checksum-sha256'] !== sha256) return answer(400)
      if (found !== undefined && request.headers['if-none-match'] === '*') return answer(412)
      objects.set(path, { body, headers: { ...request.headers } })
      return answer(200, { etag: '"1"', 'x-amz-checksum-sha256': sha256 })
    }
    if (found === undefined) return answer(404)
    const metadata = Object.entries(found.headers).filter(([name]) =>
      /^x-amz-(?:meta|checksum)-|^content-type$/.test(name),
    )
    const headers = { ...Object.fromEntries(metadata), 'content-length': found.body.length, etag: '"1"' }
    return answer(200, headers, request.method === 'HEAD' ? '' : found.body)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    paths: () => [...objects.keys()],
    origin: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}
