// `node lacks.mjs package`: S3 and SQS without the AWS SDK. `region` and `credentials`: with the SDK, without these.
import { getSignedUrl, uploadToS3 } from 'whatsapp-media-archive'
import { createSqsQueue } from 'whatsapp-media-archive/queues/sqs'
import { createS3Storage } from 'whatsapp-media-archive/storage/s3'
import { check } from './check-lack.cjs'

const [, , lack] = process.argv
await check({ lack, getSignedUrl, uploadToS3, createSqsQueue, createS3Storage })
