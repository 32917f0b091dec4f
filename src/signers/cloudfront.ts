import { createPrivateKey } from 'node:crypto'
import { getSignedUrl } from '@aws-sdk/cloudfront-signer'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkOneOf } from '../errors/checks.js'
import { describeSecret, describeValue } from '../errors/describe.js'
import { isName, readField } from '../errors/thrown.js'
import { InvalidOptionError, StorageFailedError, WhatsAppMediaError } from '../errors.js'
import type { Filled } from '../json.js'
import { checkObjectKey, checkSignedUrlOptions, type UrlSigner } from '../storage.js'

/** Options of `createCloudFrontSigner`. */
export interface CloudFrontSignerOptions {
  /** Where readers reach the distribution: a host (`d111111abcdef8.cloudfront.net`) or an https origin. A path comes before the key. */
  domain: string
  /** The id of the public key, in a trusted key group of the distribution, such as `K2JCJMDEHXQW5F`. */
  keyPairId: string
  /**
   * The private key to it, in PEM: RSA 2048 or ECDSA P-256 (Amazon: CloudFront API, PublicKey). A function (a secret
   * store, say) is called at the first signing, and again only if it failed.
   */
  privateKey: string | (() => string | Promise<string>)
  /** The distribution's origin path, such as `/whatsapp-media`: CloudFront puts it before the path that readers ask for, so keys lose it. Default: none. */
  originPath?: string | undefined
  /** The hash under the signature (Amazon: Create a signed URL using a canned policy). Default `SHA256`. */
  algorithm?: 'SHA256' | 'SHA1' | undefined
}

const CLOUDFRONT_OPTIONS: OptionNames<CloudFrontSignerOptions> = {
  ...{ domain: true, keyPairId: true, privateKey: true, originPath: true, algorithm: true },
}

/**
 * Signs URLs of a CloudFront distribution before the bucket, by canned policy: give it to `createS3Storage` as `signer`.
 * They work as long as asked, because CloudFront's keys do not expire as a role's credentials do.
 *
 * Content type and disposition are asked for as with S3, by the query parameters `response-content-type` and
 * `response-content-disposition`; both are signed, so readers can neither change nor drop them. S3 gets
 * to see them only when the distribution
 *
 * - has both in the query strings of its cache policy: in an origin request policy alone, the first reader's answer is
 *   cached for all others; without either, readers get the object's own type and disposition (Amazon: Control
 *   the cache key, Control origin requests);
 * - signs its requests (origin access control, `always`): S3 refuses the parameters in unsigned ones (AWS: GetObject).
 *
 * CloudFront can do what S3 can not: send `X-Content-Type-Options: nosniff` and a Content-Security-Policy, by a response
 * headers policy. It treats all readers alike, and revokes a URL before its expiry only when its key is removed.
 *
 * With an ECDSA key each signature differs, so the URLs of `cacheFor` are the same with an RSA key only.
 *
 * @throws InvalidOptionError for options of the wrong form, at once; for a wrong value of `privateKey()`, at each
 *   signing. No message shows the key.
 */
export function createCloudFrontSigner(options: CloudFrontSignerOptions): UrlSigner {
  checkOptions(options, CLOUDFRONT_OPTIONS)
  const { keyPairId, privateKey, originPath = '', algorithm = 'SHA256' } = options
  const base = checkDomain(options.domain)
  checkSignerOptions({ keyPairId, originPath, algorithm })
  if (typeof privateKey !== 'function') checkPrivateKey(privateKey)
  const findKey = typeof privateKey === 'function' ? keepPrivateKey(privateKey) : async () => privateKey
  return {
    async signedUrl(key, signing) {
      checkSignedUrlOptions(signing)
      const { expiresIn, contentType, contentDisposition, signedAt = new Date() } = signing
      const path = buildReaderPath(checkSignableKey(key), originPath)
      const query = `response-content-type=${encodeValue(contentType)}&response-content-disposition=${encodeValue(contentDisposition)}`
      // CloudFront counts in whole seconds.
      const expires = Math.floor(signedAt.getTime() / 1_000) + expiresIn
      const asked = `${base}/${path}?${query}`
      const url = getSignedUrl({
        url: asked,
        keyPairId,
        privateKey: await findKey().catch(throwKeyError(key)),
        dateLessThan: expires * 1_000,
        algorithm,
      })
      checkSigned(url, { asked, algorithm, key })
      return { url, expiresAt: new Date(expires * 1_000) }
    },
  }
}

function checkSignerOptions(
  options: Filled<Pick<CloudFrontSignerOptions, 'keyPairId' | 'originPath' | 'algorithm'>>,
): void {
  const { keyPairId, originPath, algorithm } = options
  if (typeof keyPairId !== 'string' || !/^\w{1,64}$/.test(keyPairId)) {
    throw new InvalidOptionError({
      option: 'keyPairId',
      problem: `must be the id of a public key, got ${describeValue(keyPairId)}`,
    })
  }
  if (typeof originPath !== 'string' || !/^(?:\/(?!\.{1,2}(?:\/|$))[\w.-]+)*$/.test(originPath)) {
    throw new InvalidOptionError({
      option: 'originPath',
      problem: `must be empty or like '/media', got ${describeValue(originPath)}`,
    })
  }
  checkOneOf('algorithm', algorithm, ['SHA256', 'SHA1'])
}

/** Asks for the key once for a whole list of URLs, and again only if that failed. */
function keepPrivateKey(read: () => string | Promise<string>): () => Promise<string> {
  let asked: Promise<string> | undefined
  return () => {
    asked ??= (async () => checkPrivateKey(await read()))().catch((error: unknown) => {
      asked = undefined
      throw error
    })
    return asked
  }
}

/** The origin and path before the keys, without a slash at the end. */
function checkDomain(domain: string): string {
  const text = /^[a-z]+:\/\//i.test(domain) ? domain : `https://${domain}`
  const url = typeof domain === 'string' && URL.canParse(text) ? new URL(text) : undefined
  // A `*` would be a wildcard in the policy, see `encodeValue`.
  if (url === undefined || !/^https:\/\/[^/?#@*%]+(?:\/[^?#*%]*)?$/.test(url.href)) {
    throw new InvalidOptionError({
      option: 'domain',
      problem: `must be a host or an https origin, with a plain path at most, got ${describeSecret(domain)}`,
    })
  }
  return url.href.replace(/\/+$/, '')
}

function checkPrivateKey(pem: string): string {
  const key = readPrivateKey(pem)
  const { modulusLength, namedCurve } = key?.asymmetricKeyDetails ?? {}
  const isRsa = key?.asymmetricKeyType === 'rsa' && modulusLength === 2_048
  if (isRsa || namedCurve === 'prime256v1') return pem
  const advice = typeof pem === 'string' && pem.includes('\\n') ? "; it has '\\n' in place of line breaks" : ''
  throw new InvalidOptionError({
    option: 'privateKey',
    problem: `must be an RSA 2048 or ECDSA P-256 private key in PEM, without passphrase, got ${describeSecret(pem)}${advice}`,
  })
}

function readPrivateKey(pem: string): ReturnType<typeof createPrivateKey> | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined
  }
}

/** Only the fault's name goes on: a message may quote the text, as JSON.parse's does. */
function throwKeyError(key: string): (error: unknown) => never {
  return (error) => {
    if (WhatsAppMediaError.is(error)) throw error
    const name = readField(error, 'name')
    throw new StorageFailedError({
      operation: 'sign',
      key,
      reason: `privateKey() threw ${isName(name) ? name : 'an error'}`,
      retryable: true,
    })
  }
}

/** In a policy `*` is a wildcard, which the SDK leaves in paths. @throws InvalidOptionError */
function checkSignableKey(key: string): string {
  if (!checkObjectKey(key).includes('*')) return key
  throw new InvalidOptionError({ option: 'key', problem: `must have no '*', got ${describeValue(key)}` })
}

/**
 * Versions of the signer before 3.1059 encode another URL than the one they signed, and sign by SHA-1 whatever is asked for:
 * CloudFront would refuse all of their URLs.
 */
function checkSigned(
  url: string,
  { asked, algorithm, key }: { asked: string; algorithm: 'SHA256' | 'SHA1'; key: string },
): void {
  if (url.startsWith(`${asked}&`) && (algorithm === 'SHA1' || url.includes('&Hash-Algorithm=SHA256'))) return
  throw new StorageFailedError({
    operation: 'sign',
    key,
    reason: 'package-too-old',
    retryable: false,
    advice:
      'The package @aws-sdk/cloudfront-signer is older than 3.1059: npm install @aws-sdk/cloudfront-signer@latest',
  })
}

function buildReaderPath(key: string, originPath: string): string {
  const folder = originPath === '' ? '' : `${originPath.slice(1)}/`
  if (!key.startsWith(folder)) {
    throw new InvalidOptionError({
      option: 'key',
      problem: `must lie below originPath '${originPath}', got ${describeValue(key)}`,
    })
  }
  return key.slice(folder.length).split('/').map(encodeURIComponent).join('/')
}

/**
 * As browsers send it, `'` included. And no `*`: a canned policy's signature is as good for a custom policy of the same
 * text, in which the one of `filename*` would stand for anything, such as a content type of the reader's own.
 */
function encodeValue(value: string): string {
  return encodeURIComponent(value).replaceAll("'", '%27').replaceAll('*', '%2A')
}
