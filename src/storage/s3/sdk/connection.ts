import type { ClientRequest } from 'node:http'
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { checkPackageVersion } from '../../../errors/setup-fault.js'
import { readField, readTextField } from '../../../errors/thrown.js'
import { findAgent, type HttpAgents } from '../../../http/agents.js'
import { SILENT_SOCKET_MS } from '../../../http/reused-socket.js'
import { AGENT_OPTIONS, createTransports } from '../../../http/transport.js'
import { repeatForgotten, watchAgent } from '../../../http/watch-agent.js'
import { loadPackage } from '../../../runtime/load-package.js'
import type { S3StorageOptions } from '../options.js'
import { rememberClient, rememberSignature } from '../secrets.js'

/**
 * The SDK's client and commands, loaded at first use, because importing the SDK costs more than everything else here.
 */
export interface S3Connection {
  sdk: typeof import('@aws-sdk/client-s3')
  client: S3Client
  /** Signs for the public endpoint. */
  signer: S3Client
  /** Ends the connections of clients made here. */
  close(): void
}

/** In place of the console, on which parts of the SDK speak otherwise. */
export const SILENT: NonNullable<S3ClientConfig['logger']> = { debug() {}, info() {}, warn() {}, error() {} }

const INSTALL = '@aws-sdk/client-s3 @aws-sdk/s3-request-presigner'

/** Older versions drop `If-None-Match` without a word. */
const LEAST_VERSION = '3.729'

/** @throws as `loadPackage`. */
export function loadS3Sdk(): Promise<S3Connection['sdk']> {
  return loadPackage({ name: '@aws-sdk/client-s3', install: INSTALL }, () => import('@aws-sdk/client-s3'))
}

/** @throws Error with a code of `loadPackage`, or `package-too-old`. */
export async function openConnection(options: S3StorageOptions): Promise<S3Connection> {
  const sdk = await loadS3Sdk()
  const connection = await buildConnection(sdk, options)
  rememberClient(options, connection.client)
  const found = await readSdkVersion(connection.client)
  checkPackageVersion({ name: '@aws-sdk/client-s3', install: INSTALL }, { found, least: LEAST_VERSION })
  return connection
}

/** The version that a client names to the store; a client that is given may be of another copy of the SDK. */
async function readSdkVersion(client: S3Client): Promise<unknown> {
  const config = readField(client, 'config')
  const describe = readField(config, 'defaultUserAgentProvider')
  if (typeof describe !== 'function') return undefined
  const agents: unknown = await Promise.resolve(Reflect.apply(describe, undefined, [config])).catch(() => undefined)
  return readField(readField(agents, 0), 1)
}

/** Agents of a client that nobody ends, such as those of credential providers. */
export function describeAgents(agent: HttpAgents | undefined): NonNullable<S3ClientConfig['requestHandler']> {
  return {
    httpAgent: findAgent(agent, 'http:') ?? AGENT_OPTIONS,
    httpsAgent: findAgent(agent, 'https:') ?? AGENT_OPTIONS,
  }
}

async function buildConnection(sdk: S3Connection['sdk'], options: S3StorageOptions): Promise<S3Connection> {
  if (options.client !== undefined) return { sdk, client: options.client, signer: options.client, close() {} }
  const { region, endpoint, publicEndpoint = endpoint, credentials, agent } = options
  const transports = createTransports({ agent })
  const [{ agent: httpAgent }, { agent: httpsAgent }] = await Promise.all([
    transports.open('http:'),
    transports.open('https:'),
  ])
  const config = (url: string | undefined): S3ClientConfig => ({
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(url === undefined ? {} : { endpoint: url, forcePathStyle: true }),
    // Older and compatible stores refuse the SDK's own checksums; ours is a plain header that all of them take or ignore.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // The library retries, knows the deadlines, and counts its attempts: retries below it would multiply.
    maxAttempts: 1,
    // Waiting for "100 Continue" takes a connection of its own for each body over 2 MB.
    expectContinueHeader: false,
    requestHandler: {
      httpAgent: watchAgent(httpAgent, findSilentMs),
      httpsAgent: watchAgent(httpsAgent, findSilentMs),
    },
    // It would warn on the console that a stream can't be retried, which this library knows.
    logger: SILENT,
  })
  const client = new sdk.S3Client(config(endpoint))
  client.middlewareStack.add(
    (next) => async (args) => {
      // Ends what a frozen function has left idle.
      await transports.open('https:')
      try {
        return await repeatForgotten(() => next(args))
      } catch (error) {
        const authorization = readTextField(readField(args.request, 'headers'), 'authorization')
        throw rememberSignature(Object(error), { authorization })
      }
    },
    { step: 'finalizeRequest', priority: 'low', name: 'repeatForgotten' },
  )
  const signer = publicEndpoint === endpoint ? client : new sdk.S3Client(config(publicEndpoint))
  // Not by `destroy` of the clients: it would destroy agents that were given, too.
  return { sdk, client, signer, close: transports.close }
}

/** A put's body may be a stream, which has been read once it failed; all others have none, and can be repeated. */
function findSilentMs({ method }: ClientRequest): number | undefined {
  return method === 'PUT' ? undefined : SILENT_SOCKET_MS
}
