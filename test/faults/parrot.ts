import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { NOTATIONS } from './canary-notes.js'

/** A server that refuses every request, and repeats in its refusal what the request held. */
export interface Parrot {
  origin: string
  /** The signatures of all requests so far. */
  signatures: string[]
  /** Requests so far. */
  count(): number
  /** How it answers from now on. */
  speak(as: { status: number; language: 'xml' | 'json' | 'batch'; code: string; write: Notation }): void
  close(): Promise<void>
}

type Notation = (text: string) => string

export async function createParrot(canaries: Readonly<Record<string, string>>): Promise<Parrot> {
  const signatures: string[] = []
  let count = 0
  let manner: Parameters<Parrot['speak']>[0] = { status: 400, language: 'xml', code: 'Refused', write: (text) => text }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      count++
      const { authorization = '' } = request.headers
      const [, signature] = /Signature=(\w{64})/.exec(authorization) ?? []
      if (signature !== undefined) signatures.push(signature)
      const body = Buffer.concat(chunks).toString('utf8')
      const known = Object.values(canaries)
      // What it does not get, it does not know: a secret key never travels.
      const heard = known.filter((canary) => `${JSON.stringify(request.headers)}${body}`.includes(canary))
      const words = [signature ?? '', ...heard].map(manner.write).join(' ; ')
      const { type, text } = toAnswer(manner, words, body)
      response.writeHead(manner.status, { 'content-type': type, 'x-amzn-requestid': encodeURI(words).slice(0, 2_000) })
      response.end(request.method === 'HEAD' ? undefined : text)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    signatures,
    count: () => count,
    speak(as) {
      manner = as
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function toAnswer(
  { language, code }: { language: 'xml' | 'json' | 'batch'; code: string },
  words: string,
  body: string,
): { type: string; text: string } {
  if (language === 'xml') {
    const safe = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
    const more = ['StringToSign', 'SignatureProvided', 'Token-0', 'ArgumentValue', 'HostId', 'Region', 'RequestId']
    const elements = more.map((name) => `<${name}>${safe}</${name}>`).join('')
    const text = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${safe}</Message>${elements}</Error>`
    return { type: 'application/xml', text }
  }
  const type = 'application/x-amz-json-1.0'
  if (language === 'json') return { type, text: JSON.stringify({ __type: code, message: words, Message: words }) }
  const ids = [...body.matchAll(/"Id":"([^"]+)"/g)].map(([, id]) => id)
  const Failed = ids.map((Id) => ({ Id, Code: code, Message: words, SenderFault: true }))
  return { type, text: JSON.stringify({ Successful: [], Failed }) }
}

/** Each notation, with refusals that are final, passing, and about credentials. */
export const MANNERS = NOTATIONS.flatMap(([notation, write], at) => {
  const refusals = [
    { status: 400, code: 'InvalidArgument' },
    { status: 403, code: 'SignatureDoesNotMatch' },
    { status: 400, code: 'ExpiredToken' },
    { status: 403, code: 'AccessDenied' },
    { status: 301, code: 'PermanentRedirect' },
    { status: 500, code: 'InternalError' },
  ]
  const refusal = refusals[at % refusals.length]
  return refusal === undefined ? [] : [{ ...refusal, notation, write }]
})
