import type { Readable } from 'node:stream'
import type { PutObjectCommand, PutObjectCommandInput } from '@aws-sdk/client-s3'
import { readField } from '../../../errors/thrown.js'
import { defined } from '../../../json.js'
import { toBodyError } from '../../checked-body.js'
import { findPage } from '../../refusal.js'
import type { S3PutAnswer, S3PutRequest } from '../object.js'
import { createExactBody, sendWhileBodyLives } from './body.js'
import type { S3Connection } from './connection.js'

/** A put by the SDK's client. Rejects with the body's own error when that fails. */
export async function putWithSdk(
  { sdk, client }: S3Connection,
  body: Readable,
  request: S3PutRequest,
): Promise<S3PutAnswer> {
  const { key, size, sha256, signal } = request
  const exact = createExactBody(size, body)
  try {
    // A store answers an empty put at once, so the body must be known to be empty before.
    if (size === 0) await exact.readNothing(signal)
    const input = { ...request.input, Key: key, Body: size === 0 ? '' : exact.stream }
    const command = buildPutCommand({ sdk }, input, sha256)
    const findAnswerPage = watchForPage(command)
    const answer = await sendWhileBodyLives(exact, signal, (abortSignal) => client.send(command, { abortSignal }))
    const { ETag: etag, ChecksumSHA256: checksum } = answer
    return { etag, checksum, isEarly: !exact.isTaken(), ...defined({ page: findAnswerPage() }) }
  } catch (error) {
    throw exact.failed.aborted ? toBodyError(exact.failed.reason, key) : error
  } finally {
    // A fast store answers before the stream reports its end. Destroyed then, it would leave the request unfinished,
    // and its connection unfit for another; read to its end, it has no more to give.
    if (exact.isTaken()) exact.stream.resume()
    else exact.stream.destroy()
  }
}

/** Notes the web page that comes with a status of success: the SDK takes it for an answer that says nothing. */
function watchForPage(command: PutObjectCommand): () => S3PutAnswer['page'] {
  let page: S3PutAnswer['page']
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args)
      const found = findPage(readField(result.response, 'headers'))
      page = found === undefined ? undefined : { ...found, status: Number(readField(result.response, 'statusCode')) }
      return result
    },
    { step: 'deserialize', priority: 'low', name: 'watchForPage' },
  )
  return () => page
}

/**
 * A PutObject whose signature covers the body, too. For a stream the SDK signs `UNSIGNED-PAYLOAD`, because it does not
 * know its hash; we do. So a store that has never heard of `x-amz-checksum-sha256` refuses other bytes all the same
 * (`XAmzContentSHA256Mismatch`), as long as it checks signatures (AWS: Signature Calculations for the Authorization Header).
 *
 * @param sha256 lowercase hex
 */
export function buildPutCommand(
  { sdk }: Pick<S3Connection, 'sdk'>,
  input: PutObjectCommandInput,
  sha256: string,
): PutObjectCommand {
  const command = new sdk.PutObjectCommand(input)
  command.middlewareStack.add(
    (next) => (args) => {
      // The signer keeps a value that is there.
      Reflect.set(Object(readField(args.request, 'headers')), 'x-amz-content-sha256', sha256)
      return next(args)
    },
    { step: 'build', name: 'signBodyHash' },
  )
  return command
}
