// Signature version 4 in S3's form (AWS: Signature Version 4 signing process), once more and on its own: the sink
// checks with it what others signed, and the socket proxy signs with it.
import { createHash, createHmac } from 'node:crypto'

export const CREDENTIALS = { accessKeyId: 'bench', secretAccessKey: 'bench' }
export const REGION = 'us-east-1'

const sha256 = (text) => createHash('sha256').update(text).digest('hex')
const hmac = (key, text) => createHmac('sha256', key).update(text).digest()
const keys = new Map()

function signingKey(day, region) {
  const name = `${day}/${region}`
  let key = keys.get(name)
  if (key === undefined) {
    key = [day, region, 's3', 'aws4_request'].reduce(hmac, `AWS4${CREDENTIALS.secretAccessKey}`)
    keys.set(name, key)
  }
  return key
}

/**
 * The Authorization header of a request.
 *
 * @param request `method`, `path` with its query as sent, `headers` by lower-case name, with `x-amz-date` and
 * `x-amz-content-sha256` among them.
 */
export function authorization(
  { method, path, headers },
  { names = Object.keys(headers).sort(), region = REGION } = {},
) {
  const [pathname, query = ''] = path.split('?')
  const parameters = query === '' ? [] : query.split('&').map((pair) => (pair.includes('=') ? pair : `${pair}=`))
  const date = headers['x-amz-date']
  const signedHeaders = names.join(';')
  const canonical = [
    method,
    pathname,
    parameters.sort().join('&'),
    ...names.map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}`),
    '',
    signedHeaders,
    headers['x-amz-content-sha256'],
  ].join('\n')
  const day = date.slice(0, 8)
  const scope = `${day}/${region}/s3/aws4_request`
  const text = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`
  const signature = createHmac('sha256', signingKey(day, region)).update(text).digest('hex')
  return `AWS4-HMAC-SHA256 Credential=${CREDENTIALS.accessKeyId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`
}

/** Whether a request carries the signature that it should. */
export function isSigned({ method, path, headers }) {
  const given = headers.authorization ?? ''
  const names = /SignedHeaders=([^, ]+)/.exec(given)?.[1]?.split(';')
  const region = /Credential=[^/]+\/\d{8}\/([^/]+)\//.exec(given)?.[1]
  if (names === undefined || region === undefined || !names.includes('host') || !headers['x-amz-date']) return false
  return given.replaceAll(/,\s*/g, ', ') === authorization({ method, path, headers }, { names, region })
}
