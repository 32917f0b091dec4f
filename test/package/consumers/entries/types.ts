// Compiled in an app with the AWS SDK, BullMQ and ioredis.
import { S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl, type ObjectStorage } from 'whatsapp-media-archive'
import { createRedisMediaIds, type RedisMediaIds } from 'whatsapp-media-archive/media-ids/redis'
import { type BullMqQueue, createBullMqQueue } from 'whatsapp-media-archive/queues/bullmq'
import { createS3Storage } from 'whatsapp-media-archive/storage/s3'

const storages: ObjectStorage[] = [
  createS3Storage({ bucket: 'media', client: new S3Client({ region: 'eu-central-1' }) }),
  createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint: 'https://s3.example' }),
]

export function signEverywhere(key: string): Promise<string[]> {
  return Promise.all(storages.map((storage) => getSignedUrl(key, { storage, anyAccount: true, expiresIn: 900 })))
}

export const mediaIds: RedisMediaIds = createRedisMediaIds({ connection: { host: 'redis.example' } })
export const queue: BullMqQueue = createBullMqQueue({ connection: { host: 'redis.example' } })

// @ts-expect-error a client has its own region
createS3Storage({ bucket: 'media', client: new S3Client({}), region: 'eu-central-1' })
