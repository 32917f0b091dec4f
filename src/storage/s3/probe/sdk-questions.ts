import { Readable } from 'node:stream'
import type { PutObjectCommand } from '@aws-sdk/client-s3'
import { awaitAnswer, type StoreAnswer } from '../../questions.js'
import { buildBucketInput, buildObjectInput } from '../object.js'
import type { S3StorageOptions } from '../options.js'
import type { S3Connection } from '../sdk/connection.js'
import { buildPutCommand } from '../sdk/put.js'
import { type ProbeSample, SERVED } from './sample.js'

/** The probe's requests that the storage never makes. Each question returns its outcome; none throws. */
export interface SdkQuestions {
  /** One PutObject with the storage's headers and If-None-Match. */
  create(key: string, sample: ProbeSample): Promise<StoreAnswer<unknown>>
  /** One PutObject that announces another hash than the body has, in the checksum and in the signature. */
  putWrong(key: string, sample: ProbeSample, sha256: string): Promise<StoreAnswer<unknown>>
  /** One PutObject in aws-chunked framing, as the SDK sends streams by default. */
  putChunked(key: string, sample: ProbeSample): Promise<StoreAnswer<unknown>>
  contentEncoding(key: string): Promise<StoreAnswer<string | undefined>>
  tags(key: string): Promise<StoreAnswer<Record<string, string>>>
}

/** @param getSignal the signal of the next question. */
export function createSdkQuestions(
  { connection, options }: { connection: S3Connection; options: S3StorageOptions },
  getSignal: () => AbortSignal,
): SdkQuestions {
  const { sdk, client } = connection
  const bucket = buildBucketInput(options)
  const buildInput = ({ bytes, sha256 }: ProbeSample): ReturnType<typeof buildObjectInput> =>
    buildObjectInput(options, { size: bytes.length, sha256, ...SERVED, ifAbsent: true })
  const send = (command: PutObjectCommand): Promise<StoreAnswer<unknown>> =>
    awaitAnswer(() => client.send(command, { abortSignal: getSignal() }))

  return {
    create(Key, sample) {
      const input = { ...buildInput(sample), IfNoneMatch: '*', Key, Body: toStream(sample) }
      return send(buildPutCommand({ sdk }, input, sample.sha256))
    },
    // Without the condition: a store that refuses that one would hide how it handles checksums.
    putWrong(Key, sample, sha256) {
      const input = { ...buildInput({ ...sample, sha256 }), Key, Body: toStream(sample) }
      return send(buildPutCommand({ sdk }, input, sha256))
    },
    putChunked(Key, sample) {
      // An algorithm without a value makes the SDK compute one on the way, for which it must frame the body.
      const { ChecksumSHA256, ...input } = buildInput(sample)
      return send(new sdk.PutObjectCommand({ ...input, Key, Body: toStream(sample) }))
    },
    contentEncoding: (Key) =>
      awaitAnswer(async () => {
        const command = new sdk.HeadObjectCommand({ ...bucket, Key })
        return (await client.send(command, { abortSignal: getSignal() })).ContentEncoding
      }),
    tags: (Key) =>
      awaitAnswer(async () => {
        const command = new sdk.GetObjectTaggingCommand({ ...bucket, Key })
        const { TagSet = [] } = await client.send(command, { abortSignal: getSignal() })
        return Object.fromEntries(TagSet.map((tag) => [String(tag.Key), String(tag.Value)]))
      }),
  }
}

function toStream({ bytes }: ProbeSample): Readable {
  return Readable.from([bytes])
}
