import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { s3Error } from '../faults/s3-stand-in.js'
import { startLoopback } from '../loopback.js'

/** What the doctor asks a store: about the bucket by the name of the sub-resource, about objects by what is done. */
export type Question =
  | 'HEAD bucket'
  | 'list-type'
  | 'publicAccessBlock'
  | 'policyStatus'
  | 'encryption'
  | 'versioning'
  | 'lifecycle'
  | 'cors'
  | 'PUT object'
  /** A put that asks for SSE-S3. */
  | 'encrypted PUT'
  | 'GET object'
  | 'HEAD object'
  | 'DELETE object'
  | 'signed GET'
  | 'unsigned GET'
  | 'unsigned list'

/** A scripted answer; `code` makes the body an error of S3. */
export interface Scripted {
  status: number
  code?: string
  headers?: OutgoingHttpHeaders
  body?: string
  /** Promises one byte more than it sends, and says nothing further. */
  stalls?: boolean
}

export interface BucketStandIn {
  endpoint: string
  /** Paths of the objects there are. */
  readonly objects: readonly string[]
  readonly questions: readonly Question[]
  /** Method and path of each. */
  readonly requests: readonly string[]
  close(): Promise<void>
}

/** A bucket that is set up as the doctor would have it, on a server of its own, but for the answers that are scripted. */
export async function createBucketStandIn(scripted: Partial<Record<Question, Scripted>> = {}): Promise<BucketStandIn> {
  const held = new Map<string, { bytes: Buffer; headers: OutgoingHttpHeaders }>()
  const questions: Question[] = []
  const { origin, requests, close } = await startLoopback((request, response) => {
    const question = questionOf(request)
    questions.push(question)
    void serve(request, response, question).catch(() => response.destroy())
  })

  const serve = async (request: IncomingMessage, response: ServerResponse, question: Question): Promise<void> => {
    const bytes = await buffer(request)
    const answer = scripted[question] ?? HEALTHY[question]
    if (answer !== undefined) return say(response, answer)
    const path = String(request.url).replace(/\?.*$/, '')
    const found = held.get(path)
    if (question === 'PUT object' || question === 'encrypted PUT') {
      held.set(path, { bytes, headers: { 'content-type': request.headers['content-type'], etag: '"1"' } })
      const encryption = question === 'PUT object' ? {} : { 'x-amz-server-side-encryption': 'AES256' }
      response.writeHead(200, { etag: '"1"', ...encryption }).end()
    } else if (question === 'DELETE object') {
      held.delete(path)
      response.writeHead(204).end()
    } else if (found === undefined) say(response, { status: 404, code: 'NoSuchKey' })
    else response.writeHead(200, { ...found.headers, 'content-length': found.bytes.length }).end(found.bytes)
  }
  return {
    endpoint: origin,
    questions,
    requests,
    close,
    get objects() {
      return [...held.keys()]
    },
  }
}

const SETTINGS = [
  'list-type',
  'publicAccessBlock',
  'policyStatus',
  'encryption',
  'versioning',
  'lifecycle',
  'cors',
] as const

function questionOf({ method, url, headers }: IncomingMessage): Question {
  const { pathname, searchParams } = new URL(String(url), 'http://s3')
  const isOfBucket = /^\/[^/]+\/?$/.test(pathname)
  if (isOfBucket && headers.authorization === undefined) return 'unsigned list'
  if (isOfBucket) return SETTINGS.find((name) => searchParams.has(name)) ?? 'HEAD bucket'
  if (method === 'PUT' && headers['x-amz-server-side-encryption'] !== undefined) return 'encrypted PUT'
  if (method === 'PUT' || method === 'HEAD' || method === 'DELETE') return `${method} object`
  if (searchParams.has('X-Amz-Signature')) return 'signed GET'
  return headers.authorization === undefined ? 'unsigned GET' : 'GET object'
}

function say(response: ServerResponse, { status, code, headers = {}, body = '', stalls = false }: Scripted): void {
  const text = code === undefined ? body : s3Error(code)
  const length = stalls ? { 'content-length': Buffer.byteLength(text) + 1 } : {}
  response.writeHead(status, { 'content-type': 'application/xml', ...length, ...headers })
  if (stalls) response.write(text)
  else response.end(text)
}

/** An S3 configuration, as XML. */
export function xml(root: string, content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`
}

export function publicAccessBlock(...on: readonly string[]): string {
  return xml('PublicAccessBlockConfiguration', on.map((name) => `<${name}>true</${name}>`).join(''))
}

export function encryption(algorithm: string, more: { key?: string; bucketKey?: boolean } = {}): string {
  const key = more.key === undefined ? '' : `<KMSMasterKeyID>${more.key}</KMSMasterKeyID>`
  const byDefault = `<ApplyServerSideEncryptionByDefault><SSEAlgorithm>${algorithm}</SSEAlgorithm>${key}</ApplyServerSideEncryptionByDefault>`
  const bucketKey = more.bucketKey === true ? '<BucketKeyEnabled>true</BucketKeyEnabled>' : ''
  return xml('ServerSideEncryptionConfiguration', `<Rule>${byDefault}${bucketKey}</Rule>`)
}

export function lifecycle(...rules: readonly string[]): string {
  return xml('LifecycleConfiguration', rules.map((rule) => `<Rule><Status>Enabled</Status>${rule}</Rule>`).join(''))
}

export const ABORT =
  '<ID>abort</ID><Filter><Prefix></Prefix></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload>'

const HEALTHY: Partial<Record<Question, Scripted>> = {
  'HEAD bucket': { status: 200, headers: { 'x-amz-bucket-region': 'eu-central-1' } },
  'list-type': { status: 200, body: xml('ListBucketResult', '<KeyCount>0</KeyCount>') },
  publicAccessBlock: {
    status: 200,
    body: publicAccessBlock('BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'),
  },
  policyStatus: { status: 404, code: 'NoSuchBucketPolicy' },
  encryption: { status: 200, body: encryption('AES256') },
  versioning: { status: 200, body: xml('VersioningConfiguration', '') },
  lifecycle: { status: 200, body: lifecycle(ABORT) },
  cors: { status: 404, code: 'NoSuchCORSConfiguration' },
  'unsigned GET': { status: 403, code: 'AccessDenied' },
  'unsigned list': { status: 403, code: 'AccessDenied' },
}
