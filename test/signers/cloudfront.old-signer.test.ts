import { generateKeyPairSync } from 'node:crypto'
import { getSignedUrl } from '@aws-sdk/cloudfront-signer'
import { expect, it, vi } from 'vitest'
import { createCloudFrontSigner } from '../../src/signers/cloudfront.js'

vi.mock('@aws-sdk/cloudfront-signer', () => ({ getSignedUrl: vi.fn() }))

const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2_048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
})
const signing = { expiresIn: 60, contentType: 'image/jpeg', contentDisposition: 'inline' }
const END = '&Expires=1&Key-Pair-Id=K&Signature=S'

const sign = (algorithm: 'SHA256' | 'SHA1', answer: (url: string) => string) => {
  vi.mocked(getSignedUrl).mockImplementation(({ url }) => answer(url ?? ''))
  return createCloudFrontSigner({ domain: 'd1.cloudfront.net', keyPairId: 'K', privateKey, algorithm }).signedUrl(
    'a/b.jpg',
    signing,
  )
}

it.each<['SHA256' | 'SHA1', string, (url: string) => string]>([
  ['SHA256', 'knows no SHA-256', (url) => url + END],
  ['SHA256', 'encodes another URL than it signed', (url) => `${encodeURI(url)}${END}&Hash-Algorithm=SHA256`],
  ['SHA1', 'encodes another URL than it signed', (url) => encodeURI(url) + END],
])('createCloudFrontSigner with %s refuses a signer that %s', async (algorithm, _why, answer) => {
  await expect(sign(algorithm, answer)).rejects.toMatchObject({
    code: 'storage-failed',
    reason: 'package-too-old',
    retryable: false,
    message: expect.stringContaining('npm install @aws-sdk/cloudfront-signer@latest'),
  })
})

it('createCloudFrontSigner takes what a signer of today returns', async () => {
  expect((await sign('SHA256', (url) => `${url}${END}&Hash-Algorithm=SHA256`)).url).toContain('SHA256')
  expect((await sign('SHA1', (url) => url + END)).url).toContain('Signature=S')
})
