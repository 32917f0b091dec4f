// The part of S3 that an archive uses, as a handler for node:http(s). It refuses what S3 would refuse: a request without
// a signature, a body of another length or hash, a second object under one key.
import { createHash } from 'node:crypto'

export function createS3Double() {
  const objects = new Map()
  const refusals = []

  const handle = async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const url = new URL(request.url, 'http://store')
    const refuse = (status, code) => {
      if (status !== 404) refusals.push(`${request.method} ${url.pathname}: ${code}`)
      response.writeHead(status, { 'content-type': 'application/xml' })
      response.end(request.method === 'HEAD' ? undefined : `<Error><Code>${code}</Code></Error>`)
    }
    const isSigned = url.searchParams.has('X-Amz-Signature') || /^AWS4-HMAC-SHA256 /.test(request.headers.authorization)
    if (!isSigned) return refuse(403, 'AccessDenied')
    if (request.method === 'PUT') return put(Buffer.concat(chunks), { request, response, url, refuse })
    const object = objects.get(url.pathname)
    if (object === undefined) return refuse(404, 'NoSuchKey')
    const type = url.searchParams.get('response-content-type')
    response.writeHead(200, { ...object.headers, ...(type === null ? {} : { 'content-type': type }) })
    response.end(request.method === 'HEAD' ? undefined : object.bytes)
  }

  const put = (bytes, { request, response, url, refuse }) => {
    const { headers } = request
    const hash = createHash('sha256').update(bytes)
    const [hex, base64] = [hash.copy().digest('hex'), hash.digest('base64')]
    if (Number(headers['content-length']) !== bytes.length) return refuse(411, 'MissingContentLength')
    if (headers['x-amz-content-sha256'] !== hex) return refuse(400, 'XAmzContentSHA256Mismatch')
    if (headers['x-amz-checksum-sha256'] !== base64) return refuse(400, 'BadDigest')
    if (headers['if-none-match'] !== '*') return refuse(400, 'ConditionMissing')
    // A refusal of every second writer is what the library expects, so it is none to complain about.
    if (objects.has(url.pathname)) return response.writeHead(412).end('<Error><Code>PreconditionFailed</Code></Error>')
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`
    const kept = Object.entries(headers).filter(([name]) =>
      /^(?:content-(?:type|disposition|length)|x-amz-meta-.*)$/.test(name),
    )
    objects.set(url.pathname, {
      bytes,
      headers: { ...Object.fromEntries(kept), etag, 'x-amz-checksum-sha256': base64 },
    })
    response.writeHead(200, { etag, 'x-amz-checksum-sha256': base64 }).end()
  }

  return { handle, objects, refusals }
}
