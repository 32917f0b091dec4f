import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { CreateBucketCommand, GetObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3'
import { onTestFinished } from 'vitest'
import { type ForgetfulNetwork, openForgetfulNetwork } from '../../forgetful-network.js'
import { readEnvironment } from './environment.js'
import { runServerScript } from './run-server-script.js'
import type { Secrets } from './secrets.js'

type S3Keys = Pick<Secrets, 'accessKeyId' | 'secretAccessKey'>

/** A bucket on the Ceph that S3_ENDPOINT names, of a user whose keys can be rotated. */
export interface RotatingBucket {
  bucket: string
  /** The way to the store. */
  network: ForgetfulNetwork
  keys(): S3Keys
  /** From now on the store refuses the keys of before. @returns those that it takes. */
  rotate(): Promise<S3Keys>
  /** SHA-256 of all that lies in the bucket, lowercase hex, by key. */
  hashAll(): Promise<Map<string, string>>
}

/** Its user and all the user's objects are removed after the test. */
export async function openBucket(): Promise<RotatingBucket> {
  const endpoint = readEnvironment('S3_ENDPOINT')
  const [, version] = /^ceph(\d+)$/.exec(readEnvironment('S3_SERVER')) ?? []
  if (version === undefined) throw new Error('S3_SERVER must be a Ceph, whose keys can be rotated')
  const user = `kill-run-${randomUUID()}`
  const bucket = user
  const administer = (...given: string[]): Promise<string> => runServerScript('administer-ceph.sh', version, ...given)
  const give = ({ accessKeyId, secretAccessKey }: S3Keys): string[] => [
    ...['--uid', user, '--access-key', accessKeyId, '--secret-key', secretAccessKey],
  ]
  let keys = makeKeys()
  await administer('user', 'create', '--display-name', 'Kill run', ...give(keys))
  onTestFinished(async () => void (await administer('user', 'rm', '--uid', user, '--purge-data')), 60_000)
  const network = await openForgetfulNetwork(endpoint)
  onTestFinished(network.close)
  const connect = (credentials: S3Keys): S3Client => new S3Client({ endpoint, credentials, forcePathStyle: true })
  await connect(keys).send(new CreateBucketCommand({ Bucket: bucket }))

  return {
    ...{ bucket, network },
    keys: () => keys,
    async rotate() {
      const old = keys
      keys = makeKeys()
      await administer('key', 'create', '--key-type', 's3', ...give(keys))
      await administer('key', 'rm', '--key-type', 's3', '--uid', user, '--access-key', old.accessKeyId)
      return keys
    },
    async hashAll() {
      const client = connect(keys)
      const hashes = new Map<string, string>()
      for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket })) {
        for (const { Key = '' } of Contents) {
          const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }))
          const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array()
          hashes.set(Key, createHash('sha256').update(bytes).digest('hex'))
        }
      }
      client.destroy()
      return hashes
    },
  }
}

function makeKeys(): S3Keys {
  return {
    accessKeyId: randomBytes(10).toString('hex').toUpperCase(),
    secretAccessKey: randomBytes(20).toString('hex'),
  }
}
