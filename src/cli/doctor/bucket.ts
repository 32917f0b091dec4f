import type { S3Client } from '@aws-sdk/client-s3'
import { readField } from '../../errors/thrown.js'
import { readSdkError } from '../../storage/refusal.js'
import type { S3StorageOptions } from '../../storage/s3.js'

type Sdk = typeof import('@aws-sdk/client-s3')

/** Where the bucket is. Credentials come from the SDK's own chain unless given. */
export type BucketOptions = Exclude<S3StorageOptions, { client: S3Client }>

/** What the store says to one question. */
export type Answer<T> =
  | { kind: 'answer'; value: T }
  /** Nothing there: no such bucket, or nothing configured. `denied`: 403. `unsupported`: not on this server. */
  | { kind: 'absent' | 'denied' | 'unsupported' | 'unreachable' | 'failed'; reason: string; status?: number }

/** The bucket itself, for questions that the archive never asks. */
export interface BucketConnection {
  sdk: Sdk
  bucket: string
  /** Which store is asked, for people: a host, or AWS's region. */
  place: string
  region: string
  /** Whether it is AWS itself, with its own storage classes, and not another store that speaks its language. */
  isAws: boolean
  /** A command line for this bucket: `aws s3api put-bucket-cors --bucket … …`. */
  command(name: string, rest?: string): string
  /** Sends one command; never rejects. */
  ask<T>(send: (client: S3Client, options: { abortSignal: AbortSignal }) => Promise<T>): Promise<Answer<T>>
  /** Headers of the last answer, lower-case names, and when it was there. One question at a time, please. */
  lastAnswer(): { headers: Readonly<Record<string, string>>; at: number } | undefined
  close(): void
}

/** What the SDK has against a region, which it says in words only. */
export type RegionFault = 'region-missing' | 'region-malformed'

/** @throws Error with a `RegionFault` as its code, and whatever keeps the SDK from starting. */
export async function connectToBucket(
  options: BucketOptions,
  context: { now: () => number; timeoutMs: number },
): Promise<BucketConnection> {
  const { bucket, region, endpoint, credentials } = options
  const { now, timeoutMs } = context
  const sdk = await import('@aws-sdk/client-s3')
  // A connection for each question: an answer that overruns its Content-Length (Ceph 20 without a public access block)
  // would spoil the next one on the same connection.
  const agent = { keepAlive: false }
  const client = new sdk.S3Client({
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 2,
    requestHandler: { httpAgent: agent, httpsAgent: agent },
  })
  let last: ReturnType<BucketConnection['lastAnswer']>
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args)
      last = { headers: headersOf(result.response), at: now() }
      return result
    },
    { step: 'deserialize', priority: 'low', name: 'doctorHeaders' },
  )
  const signedRegion = await regionOf(client)
  const url = endpoint === undefined ? undefined : new URL(endpoint)
  return {
    sdk,
    bucket,
    region: signedRegion,
    place: url?.host ?? `AWS, ${signedRegion}`,
    isAws: url === undefined,
    command(name, rest) {
      // Without a user and a password that the endpoint may hold.
      const endpointUrl =
        url === undefined ? undefined : `--endpoint-url ${url.origin}${url.pathname.replace(/\/$/, '')}`
      return ['aws s3api', name, `--bucket ${bucket}`, rest, endpointUrl].filter((part) => part !== undefined).join(' ')
    },
    async ask(send) {
      last = undefined
      try {
        return { kind: 'answer', value: await send(client, { abortSignal: AbortSignal.timeout(timeoutMs) }) }
      } catch (error) {
        return refusal(error)
      }
    },
    lastAnswer: () => last,
    close: () => client.destroy(),
  }
}

async function regionOf(client: S3Client): Promise<string> {
  const region = await client.config.region().catch((error: unknown) => {
    const message = String(readField(error, 'message'))
    if (message === 'Region is missing') throw regionFault('region-missing')
    throw message.startsWith('Region not accepted') ? regionFault('region-malformed') : error
  })
  // It becomes part of a host's name; older versions of the SDK do not look.
  if (!/^(?!-)[a-z0-9-]{1,63}(?<!-)$/i.test(region)) throw regionFault('region-malformed')
  return region
}

/** Without the region: what stands there by mistake may be a secret. */
function regionFault(code: RegionFault): Error {
  return Object.assign(new Error(code), { code })
}

/** Codes of servers that do not know a feature (AWS: Error responses), and what others answer. */
const UNSUPPORTED = ['NotImplemented', 'XNotImplemented', 'MethodNotAllowed', 'UnsupportedOperation', 'NotSupported']

/** Only codes and the status: a server's words may quote what it was asked with. */
function refusal(error: unknown): Exclude<Answer<never>, { kind: 'answer' }> {
  const { status, reason } = readSdkError(error)
  if (status === undefined) return { kind: 'unreachable', reason: reason === 'AbortError' ? 'timeout' : reason }
  const told = { reason: reason === 'Unknown' ? `HTTP ${status}` : reason, status }
  if (UNSUPPORTED.includes(reason) || status === 501 || status === 405) return { kind: 'unsupported', ...told }
  if (status === 404) return { kind: 'absent', ...told }
  return { kind: status === 403 ? 'denied' : 'failed', ...told }
}

function headersOf(response: unknown): Record<string, string> {
  const headers = Object.entries(Object(readField(response, 'headers')))
  return Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), String(value)]))
}
