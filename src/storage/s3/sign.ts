import type { Filled } from '../../json.js'
import type { ObjectStorage, SignedUrlOptions } from '../../storage.js'
import { checkObjectKey } from '../../storage.js'
import type { S3Direct } from './direct.js'
import { buildPath } from './encode.js'
import { buildBucketInput } from './object.js'
import type { S3StorageOptions } from './options.js'
import { runCall } from './run-call.js'
import type { S3Connection } from './sdk/connection.js'
import { type SdkSignedUrl, signSampleKey, signWithSdk } from './sdk/sign.js'

/** The addresses of objects, and URLs that read them: without the SDK where possible. */
export function createS3Signing(
  options: S3StorageOptions,
  { connect, direct }: { connect: () => Promise<S3Connection>; direct: S3Direct | undefined },
): Required<Pick<ObjectStorage, 'address' | 'signedUrl'>> {
  const { bucket } = options
  const bucketInput = buildBucketInput(options)
  let addressBase: Promise<string> | undefined

  /** By the SDK, which knows access points and much more. */
  const findAddress = async (key: string): Promise<string> => {
    addressBase ??= connect().then(async ({ signer }) => {
      const url = await signSampleKey(signer, bucket)
      return url.slice(0, url.indexOf('?') - 2)
    })
    try {
      return buildPath(await addressBase, key)
    } catch (error) {
      // Credentials that failed once must not fail for good.
      addressBase = undefined
      throw error
    }
  }

  const sign = async (key: string, signing: Filled<SignedUrlOptions>): Promise<SdkSignedUrl> => {
    const { expiresIn, contentType, contentDisposition, signedAt } = signing
    const signed = await direct?.signedUrl({ key, ...signing })
    if (signed !== undefined) return signed
    const forced = { ResponseContentType: contentType, ResponseContentDisposition: contentDisposition }
    return signWithSdk(await connect(), { ...bucketInput, Key: key, ...forced }, { expiresIn, signingDate: signedAt })
  }

  return {
    address: (key) =>
      runCall(
        { operation: 'sign', bucket, key },
        async () => (await direct?.findAddress(key)) ?? (await findAddress(key)),
      ),
    async signedUrl(key, signing) {
      if (options.signer !== undefined) return options.signer.signedUrl(checkObjectKey(key), signing)
      return runCall({ operation: 'sign', bucket, key }, async () => {
        const { signedAt = new Date() } = signing
        const { url, expiration } = await sign(key, { ...signing, signedAt })
        const wanted = signedAt.getTime() + signing.expiresIn * 1_000
        // A role's URL expires with the role's session, even before the expiry asked for (AWS: Using presigned URLs).
        return { url, expiresAt: new Date(Math.min(wanted, expiration?.getTime() ?? wanted)) }
      })
    },
  }
}
