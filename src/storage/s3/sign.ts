import { readField } from '../../errors/thrown.js'
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
  const findAddress = createSdkAddress(bucket, connect)

  /** By how much the store's clock is ahead, in milliseconds: a URL that ours signs may be dead, or not alive yet. */
  const findClockOffset = (): number =>
    // The SDK's clients learn it as our own put does.
    Number(direct?.clockOffset() ?? readField(readField(options.client, 'config'), 'systemClockOffset')) || 0

  const sign = async (key: string, signing: RequiredSigning): Promise<SdkSignedUrl> => {
    const { method, expiresIn, contentType, contentDisposition, signedAt } = signing
    const signed = await direct?.signedUrl({ key, ...signing })
    if (signed !== undefined) return signed
    const forced = { ResponseContentType: contentType, ResponseContentDisposition: contentDisposition }
    const settings = { method, expiresIn, signingDate: signedAt }
    return signWithSdk(await connect(), { ...bucketInput, Key: key, ...forced }, settings)
  }

  return {
    address: (key) =>
      runCall(
        { operation: 'sign', options, key },
        async () => (await direct?.findAddress(key)) ?? (await findAddress(key)),
      ),
    async signedUrl(key, { signedAt = new Date(), method = 'GET', ...signing }) {
      const offset = findClockOffset()
      const storeTime = new Date(signedAt.getTime() + offset)
      const wishes = { ...signing, method, signedAt: storeTime }
      if (options.signer !== undefined) {
        return shiftExpiry(await options.signer.signedUrl(checkObjectKey(key), wishes), offset)
      }
      return runCall({ operation: 'sign', options, key }, async () => {
        const { url, expiration } = await sign(key, wishes)
        const wanted = storeTime.getTime() + signing.expiresIn * 1_000
        // A role's URL expires with the role's session, even before the expiry asked for (AWS: Using presigned URLs).
        return shiftExpiry({ url, expiresAt: new Date(Math.min(wanted, expiration?.getTime() ?? wanted)) }, offset)
      })
    },
  }
}

/** The expiry as our own clock will show it then. */
function shiftExpiry<Signed extends { expiresAt: Date }>(signed: Signed, offset: number): Signed {
  return offset === 0 ? signed : { ...signed, expiresAt: new Date(signed.expiresAt.getTime() - offset) }
}

/** Addresses by the SDK, which knows access points and much more. */
function createSdkAddress(bucket: string, connect: () => Promise<S3Connection>): (key: string) => Promise<string> {
  let base: Promise<string> | undefined
  return async (key) => {
    base ??= connect().then(async ({ signer }) => {
      const url = await signSampleKey(signer, bucket)
      return url.slice(0, url.indexOf('?') - 2)
    })
    try {
      return buildPath(await base, key)
    } catch (error) {
      // Credentials that failed once must not fail for good.
      base = undefined
      throw error
    }
  }
}

/** The wishes for a URL, with the store's time. */
type RequiredSigning = Filled<Required<SignedUrlOptions>>
