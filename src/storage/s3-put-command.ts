import type { PutObjectCommand, PutObjectCommandInput } from '@aws-sdk/client-s3'
import type { S3Connection } from './s3-connection.js'
import { field } from './s3-failure.js'

/**
 * A PutObject whose signature covers the body, too. For a stream the SDK signs `UNSIGNED-PAYLOAD`, because it does not
 * know its hash; we do. So a store that has never heard of `x-amz-checksum-sha256` refuses other bytes all the same
 * (`XAmzContentSHA256Mismatch`), as long as it checks signatures (AWS: Signature Calculations for the Authorization Header).
 *
 * @param sha256 lowercase hex
 */
export function putCommand(
  { sdk }: Pick<S3Connection, 'sdk'>,
  input: PutObjectCommandInput,
  sha256: string,
): PutObjectCommand {
  const command = new sdk.PutObjectCommand(input)
  command.middlewareStack.add(
    (next) => (args) => {
      // The signer keeps a value that is there.
      Reflect.set(Object(field(args.request, 'headers')), 'x-amz-content-sha256', sha256)
      return next(args)
    },
    { step: 'build', name: 'signBodyHash' },
  )
  return command
}
