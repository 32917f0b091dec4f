import { describe, expect, it } from 'vitest'
import { cleanServerText } from '../../src/errors/redaction.js'

/** A secret without a form of its own: only its field tells. */
const SECRET = 'qZ7xk29pLw4mVb'

describe('cleanServerText hides what the name of a field calls a secret', () => {
  it.each([
    `secret_access_key=${SECRET}`,
    `SecretAccessKey: ${SECRET}`,
    `AWS_SECRET_ACCESS_KEY=${SECRET}`,
    `{"apiKey":"${SECRET}"}`,
    `{'api_key': '${SECRET}'}`,
    `API Key: ${SECRET}`,
    `D360-API-KEY: ${SECRET}`,
    `app-key=${SECRET}`,
    `x-auth-key: ${SECRET}`,
    `AccountKey=${SECRET};EndpointSuffix=core`,
    `SharedAccessKey=${SECRET}`,
    `storage_key: ${SECRET}`,
    `private key = ${SECRET}`,
    `encryption-key: ${SECRET}`,
    `x-amz-server-side-encryption-customer-key: ${SECRET}`,
    `<SessionKey>${SECRET}</SessionKey>`,
    `signing-key: ${SECRET}`,
    `master key: ${SECRET}`,
    `licenseKey: ${SECRET}`,
    `AccessKeyId=${SECRET}`,
    `<KeyId>${SECRET}</KeyId>`,
    `key-id: ${SECRET}`,
    `kms-key-id: ${SECRET}`,
    `<AWSAccessKeyId>${SECRET}</AWSAccessKeyId>`,
    `token: ${SECRET}`,
    `{"refreshToken":"${SECRET}"}`,
    `X-Vault-Token: ${SECRET}`,
    `client_secret=${SECRET}`,
    `password="${SECRET}"`,
    `Password > ${SECRET}`,
    `credential=${SECRET}`,
    `credentials: ${SECRET}`,
    `<SignatureProvided>${SECRET}</SignatureProvided>`,
    `<Token-0>${SECRET}</Token-0>`,
    `signature: ${SECRET}`,
    `TOKEN\u200b:\u200b${SECRET}`,
  ])('%s', (text) => {
    const clean = cleanServerText(`refused: ${text} and more`)
    expect(clean).not.toContain(SECRET)
    expect(clean).toContain('[removed]')
    expect(clean).toContain('and more')
  })
})

describe('cleanServerText leaves what is no secret', () => {
  it.each([
    '<Code>NoSuchKey</Code><Key>whatsapp-media/acme/image/0a1b2c3d</Key>',
    'Key: whatsapp-media/acme/image/0a1b2c3d',
    '{"Key":"tenants/acme7/photo8"}',
    'key=tenants/acme7/photo8',
    'object key: acme/photo7',
    'the key > acme/photo7',
    'partition_key: row7731ab',
    'Duplicate entry for primary key: row7731ab',
    'monkey: banana123',
    'foreign key=orders_7_fk',
    'keyboard: layout105keys',
    'invalid access token: Cannot parse it',
    'token: expired',
    'a secret: must be longer',
    'password: required',
    'The key id: unknown',
    'signature: malformed',
    'credentials: missing, see page 12',
    'token=3 and key=4',
    'access key=short1',
  ])('%s', (text) => {
    expect(cleanServerText(text)).toBe(text)
  })
})
