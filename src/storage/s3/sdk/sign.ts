import type { GetObjectCommandInput } from '@aws-sdk/client-s3'
import { defined } from '../../../json.js'
import { loadPackage } from '../../../runtime/load-package.js'
import { loadS3Sdk, type S3Connection } from './connection.js'

/** A URL that the SDK signed. It expires at `expiration`, with the credentials, even when more was asked for. */
export interface SdkSignedUrl {
  url: string
  expiration: Date | undefined
}

/** @param options `expiresIn`: seconds. `signingDate`: default now. `method`: default `GET`. */
export async function signWithSdk(
  { signer }: Pick<S3Connection, 'signer'>,
  input: GetObjectCommandInput,
  {
    method = 'GET',
    expiresIn,
    signingDate,
  }: { expiresIn: number; signingDate?: Date | undefined; method?: 'GET' | 'HEAD' | undefined },
): Promise<SdkSignedUrl> {
  const [{ GetObjectCommand, HeadObjectCommand }, { getSignedUrl }] = await Promise.all([
    loadS3Sdk(),
    loadPackage({ name: '@aws-sdk/s3-request-presigner' }, () => import('@aws-sdk/s3-request-presigner')),
  ])
  // Read before signing: the SDK may renew the credentials in between, and those live longer.
  const { expiration } = await signer.config.credentials()
  const command = method === 'GET' ? new GetObjectCommand(input) : new HeadObjectCommand(input)
  return { url: await getSignedUrl(signer, command, defined({ expiresIn, signingDate })), expiration }
}

/** The SDK's URL for one key shows the address of all: the URL of the key `k`. */
export async function signSampleKey(signer: S3Connection['signer'], bucket: string): Promise<string> {
  return (await signWithSdk({ signer }, { Bucket: bucket, Key: 'k' }, { expiresIn: 60 })).url
}
