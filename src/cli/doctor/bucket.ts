import type { S3Client } from '@aws-sdk/client-s3'
import { readField } from '../../errors/thrown.js'
import { findAgent } from '../../http/agents.js'
import { defined } from '../../json.js'
import { readSdkError } from '../../storage/refusal.js'
import type { S3ConnectionOptions } from '../../storage/s3.js'

type S3Sdk = typeof import('@aws-sdk/client-s3')

/** The bucket and its place. Default credentials: the SDK's own chain. */
export type BucketOptions = S3ConnectionOptions

/** The answer to one question about the bucket. */
export type BucketAnswer<T> =
  | { kind: 'answer'; value: T }
  /** `absent`: no such bucket, or nothing configured. `denied`: 403. `unsupported`: not on this server. */
  | {
      kind: 'absent' | 'denied' | 'unsupported' | 'unreachable' | 'failed'
      reason: string
      status?: number | undefined
    }

/** Asks the bucket questions that the archive never asks. */
export interface BucketConnection {
  sdk: S3Sdk
  bucket: string
  /** The store for people: a host, or AWS's region. */
  place: string
  region: string
  /** True for AWS itself, false for another store with S3's API. */
  isAws: boolean
  /** A command line for this bucket: `aws s3api put-bucket-cors --bucket … …`. */
  command(name: string, rest?: string): string
  /** Sends one command; never rejects. */
  ask<T>(send: (client: S3Client, options: { abortSignal: AbortSignal }) => Promise<T>): Promise<BucketAnswer<T>>
  /** The headers of the last answer, lower-case names, and when it came. Ask one question at a time. */
  lastAnswer(): { headers: Readonly<Record<string, string>>; at: number } | undefined
  close(): void
}

/** Why the SDK refuses a region; its errors say so in their message only. */
export type RegionFault = 'region-missing' | 'region-malformed'

/** @throws Error with a `RegionFault` as its code; the error that keeps the SDK from starting. */
export async function connectToBucket(
  options: BucketOptions,
  { now, timeoutMs }: { now: () => number; timeoutMs: number },
): Promise<BucketConnection> {
  const { bucket, endpoint } = options
  const sdk = await import('@aws-sdk/client-s3')
  const client = createClient(sdk, options)
  const answers = recordAnswers(client, now)
  const region = await resolveRegion(client)
  const url = endpoint === undefined ? undefined : new URL(endpoint)
  return {
    sdk,
    bucket,
    region,
    place: url?.host ?? `AWS, ${region}`,
    isAws: url === undefined,
    command: (name, rest) => buildCommand({ name, bucket, rest, url }),
    async ask(send) {
      answers.forget()
      try {
        return { kind: 'answer', value: await send(client, { abortSignal: AbortSignal.timeout(timeoutMs) }) }
      } catch (error) {
        return judgeBucketError(error)
      }
    },
    lastAnswer: answers.last,
    close: () => client.destroy(),
  }
}

function createClient(sdk: S3Sdk, { region, endpoint, credentials, agent }: BucketOptions): S3Client {
  // A connection for each question: an answer that overruns its Content-Length (Ceph 20 without a public access block)
  // would spoil the next one on the same connection.
  const once = { keepAlive: false }
  return new sdk.S3Client({
    ...defined({ region, credentials, endpoint }),
    ...(endpoint === undefined ? {} : { forcePathStyle: true }),
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 2,
    requestHandler: { httpAgent: findAgent(agent, 'http:') ?? once, httpsAgent: findAgent(agent, 'https:') ?? once },
  })
}

/** Keeps the headers of the client's last answer. */
function recordAnswers(
  client: S3Client,
  now: () => number,
): { last: BucketConnection['lastAnswer']; forget: () => void } {
  let last: ReturnType<BucketConnection['lastAnswer']>
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args)
      last = { headers: toPlainHeaders(result.response), at: now() }
      return result
    },
    { step: 'deserialize', priority: 'low', name: 'doctorHeaders' },
  )
  return {
    last: () => last,
    forget() {
      last = undefined
    },
  }
}

function buildCommand(parts: { name: string; bucket: string; rest: string | undefined; url: URL | undefined }): string {
  const { name, bucket, rest, url } = parts
  // Without a user and a password that the endpoint may hold.
  const endpoint = url === undefined ? undefined : `--endpoint-url ${url.origin}${url.pathname.replace(/\/$/, '')}`
  return ['aws s3api', name, `--bucket ${bucket}`, rest, endpoint].filter((part) => part !== undefined).join(' ')
}

async function resolveRegion(client: S3Client): Promise<string> {
  const region = await client.config.region().catch((error: unknown) => {
    const message = String(readField(error, 'message'))
    if (message === 'Region is missing') throw createRegionError('region-missing')
    throw message.startsWith('Region not accepted') ? createRegionError('region-malformed') : error
  })
  // It becomes part of a host's name, and older versions of the SDK do not check it.
  if (!/^(?!-)[a-z0-9-]{1,63}(?<!-)$/i.test(region)) throw createRegionError('region-malformed')
  return region
}

/** Without the region itself: a secret may have been set in its place. */
function createRegionError(code: RegionFault): Error {
  return Object.assign(new Error(code), { code })
}

/** Codes of servers that do not know a feature (AWS: Error responses, and other stores). */
const UNSUPPORTED = ['NotImplemented', 'XNotImplemented', 'MethodNotAllowed', 'UnsupportedOperation', 'NotSupported']

/** Only codes and the status: a server's message may quote the request. */
function judgeBucketError(error: unknown): Exclude<BucketAnswer<never>, { kind: 'answer' }> {
  const { status, reason } = readSdkError(error)
  if (status === undefined) return { kind: 'unreachable', reason: reason === 'AbortError' ? 'timeout' : reason }
  const facts = { reason, status }
  if (UNSUPPORTED.includes(reason) || status === 501 || status === 405) return { kind: 'unsupported', ...facts }
  if (status === 404) return { kind: 'absent', ...facts }
  return { kind: status === 403 ? 'denied' : 'failed', ...facts }
}

function toPlainHeaders(response: unknown): Record<string, string> {
  const headers = Object.entries(Object(readField(response, 'headers')))
  return Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), String(value)]))
}
