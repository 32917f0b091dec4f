import { generateKeyPairSync } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { S3Client } from '@aws-sdk/client-s3'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { runWithToken } from '../../src/download/access-token.js'
import { AccessTokenError } from '../../src/errors.js'
import { createCloudFrontSigner } from '../../src/signers/cloudfront.js'
import { changeInTurn } from '../../src/storage/file-system/change-in-turn.js'
import { createFileSystemStorage } from '../../src/storage/file-system.js'
import { createS3Chain } from '../../src/storage/s3/direct/locate.js'
import { toS3StorageError } from '../../src/storage/s3/errors.js'
import { createRenewal } from '../../src/storage/s3/renewal.js'
import { createS3Storage } from '../../src/storage/s3.js'
import { readSources } from '../package/sources.js'
import { factsOf } from '../storage/facts.js'

/*
 * A promise that is kept for later callers must not keep its failure: what failed once would fail until the process is
 * restarted.
 */

const KEY = 'whatsapp-media/acme/2026-11-22/image/5ef5e495-9ea6-59d7-91c6-d39ba4699239.jpg'
const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
const SIGNING = { expiresIn: 60, contentType: 'image/jpeg', contentDisposition: 'inline' }
const ENDPOINT = { bucket: 'media', region: 'eu-central-1', endpoint: 'http://127.0.0.1:1' }

afterEach(() => void vi.unstubAllEnvs())

/** A function that fails at its first call, by an error or a wrong answer. */
function failFirst<T>(answer: T, wrong?: T): () => Promise<T> {
  let calls = 0
  return async () => {
    calls += 1
    if (calls > 1) return answer
    if (wrong !== undefined) return wrong
    throw Object.assign(new Error('not now'), { code: 'EMFILE' })
  }
}

const sample = async (): Promise<string> =>
  'https://media.s3.eu-west-1.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20261122%2Feu-west-1%2Fs3%2Faws4_request'

/** Calls that fail the first time, and succeed the second time. */
const CALLS: Readonly<Record<string, () => Promise<() => Promise<unknown>>>> = {
  'credentials that their function fails to give': async () => {
    const storage = createS3Storage({ ...ENDPOINT, credentials: failFirst(CREDENTIALS) })
    return async () => storage.signedUrl?.(KEY, SIGNING)
  },
  'credentials that are incomplete': async () => {
    const wrong = { ...CREDENTIALS, secretAccessKey: '' }
    const storage = createS3Storage({ ...ENDPOINT, credentials: failFirst(CREDENTIALS, wrong) })
    return async () => storage.signedUrl?.(KEY, SIGNING)
  },
  'credentials that have expired': async () => {
    const wrong = { ...CREDENTIALS, expiration: new Date(0) }
    const storage = createS3Storage({
      ...ENDPOINT,
      credentials: failFirst<typeof CREDENTIALS & { expiration?: Date }>(CREDENTIALS, wrong),
    })
    return async () => storage.signedUrl?.(KEY, SIGNING)
  },
  'a region that is set late': async () => {
    for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE']) vi.stubEnv(name, undefined)
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere/at-all')
    const storage = createS3Storage({ bucket: 'media', credentials: CREDENTIALS })
    return async () => {
      const signed = storage.signedUrl?.(KEY, SIGNING)
      await signed?.catch(() => {})
      vi.stubEnv('AWS_REGION', 'eu-central-1')
      return signed
    }
  },
  'an address that the SDK fails to tell': async () => {
    const client = new S3Client({ ...ENDPOINT, credentials: failFirst(CREDENTIALS) })
    const storage = createS3Storage({ bucket: 'media', client })
    return () => storage.address(KEY)
  },
  'the address of an access point': async () => {
    const region = async (): Promise<string> => 'eu-west-1'
    const client = failFirst({ region, credentials: async () => CREDENTIALS, sign: sample, signPublic: sample })
    // Not plain enough for an address of our own.
    vi.stubEnv('AWS_USE_FIPS_ENDPOINT', 'true')
    const chain = createS3Chain({ bucket: 'media', region: 'eu-west-1', client })
    return () => chain.address()
  },
  'the renewal of refused credentials': async () => {
    const renewal = createRenewal(failFirst(true))
    const refused = (): unknown => {
      const error = Object.assign(new Error('no'), { name: 'ExpiredToken', $metadata: { httpStatusCode: 400 } })
      return toS3StorageError(error, { operation: 'head', key: KEY, bucket: 'media', secrets: [] })
    }
    return () => {
      let calls = 0
      const call = async (): Promise<string> => {
        calls += 1
        if (calls === 1) throw refused()
        return 'done'
      }
      return renewal.run(call, { isRepeatable: true, signal: undefined })
    }
  },
  'a private key': async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const signer = createCloudFrontSigner({ domain: 'a.test', keyPairId: 'K2JCJMDEHXQW5F', privateKey: failFirst(pem) })
    return () => signer.signedUrl(KEY, SIGNING)
  },
  'another access token': async () => {
    const renew = failFirst('another')
    const history = { given: 'old', rejected: 'old' }
    const accessToken = (reason: 'first' | 'rejected'): Promise<string> | string =>
      reason === 'rejected' ? renew() : 'old'
    const deadlines = {
      signal: new AbortController().signal,
      waitFor() {},
    }
    return () =>
      runWithToken({ accessToken, history, deadlines }, async (token) => {
        if (token === 'old') throw new AccessTokenError({ reason: 'rejected' })
        return token
      })
  },
  'a change of an object': async () => {
    const change = failFirst('changed')
    return () => changeInTurn('/a/path', change)
  },
  'a directory that is not there yet': async () => {
    const root = await mkdtemp(join(tmpdir(), 'kept-'))
    onTestFinished(() => rm(root, { recursive: true }))
    const directory = join(root, 'media')
    await writeFile(directory, 'in the way')
    const storage = createFileSystemStorage({ directory })
    return async () => {
      const put = storage.put(KEY, Readable.from(['x']), factsOf('x'))
      await put.catch(() => {})
      await rm(directory, { force: true, recursive: true })
      await mkdir(directory)
      return put
    }
  },
}

describe.each(Object.entries(CALLS))('%s', (_name, open) => {
  it('fails once, and works at the next call', async () => {
    const call = await open()
    await expect(call()).rejects.toThrow()
    await expect(call()).resolves.toBeDefined()
  })
})

/** Why a kept promise may keep its end, or the name of its test. */
const KEPT: Readonly<Record<string, string>> = {
  'storage/s3.ts connection': 'test/faults/descriptors.test.ts',
  'storage/s3/sign.ts base': 'an address that the SDK fails to tell',
  'storage/s3/direct/locate.ts pending': 'credentials that their function fails to give',
  'storage/s3/direct/locate.ts result': 'the address of an access point',
  'storage/s3/renewal.ts pending': 'the renewal of refused credentials',
  'storage/file-system/sweep.ts swept': 'test/storage/file-system/sweep.test.ts',
  'storage/file-system/change-in-turn.ts underWay': 'a change of an object',
  'signers/cloudfront.ts asked': 'a private key',
  'download/access-token.ts renewal': 'another access token',
  'queues/sqs/connection.ts connection': 'test/faults/descriptors.test.ts',
  'queues/sqs/runs.ts beat': 'ends itself, and never rejects',
  'queues/sqs/poller.ts polling': 'polls until it is closed, and rests after a failure',
  'queues/sqs/poller.ts closing': 'an end comes once',
  'queues/in-process.ts closing': 'an end comes once',
  'queues/bullmq.ts closing': 'an end comes once',
  'queues/bullmq/worker.ts closing': 'an end comes once',
  'queues/deferred/runner.ts underWay': 'runs, for their ends alone',
  'media-archive/enqueue.ts known': 'of one call',
  'download/serve-reader.ts all': 'the bytes of a stream come once',
  'media-ids/redis.ts connecting': 'test/integration-redis/media-ids.test.ts',
  'queues/bullmq/connection.ts leaving': 'test/integration-redis/failover.test.ts',
  'sending/run-with-upload.ts leading': 'forgets its work when that has ended',
}

it('the table has every promise that src/ keeps', () => {
  const found = [...readSources()].flatMap(([path, text]) =>
    [
      ...text.matchAll(/^ *(?:const|let|readonly)? ?(\w+)\??(?:: Promise<.*> \| undefined$| = new Map<.*Promise<)/gm),
    ].map(([, name]) => `${path} ${name}`),
  )
  expect([...new Set(found)].sort()).toEqual(Object.keys(KEPT).sort())
})
