import { expect, it, vi } from 'vitest'
import { type OpenedStorage, openStorage } from '../../src/cli/open-storage.js'
import { temporaryFolder } from './command-context.js'

const open = (flags: object, env: Record<string, string>): OpenedStorage =>
  openStorage({ ...flags }, { env, use: 'written' })

it('openStorage takes the bucket from the options, then from the environment', async () => {
  const env = { S3_BUCKET_NAME: 'from-env', AWS_REGION: 'eu-central-1', S3_ENDPOINT: 'http://127.0.0.1:1' }
  expect(open({}, env)).toMatchObject({ storage: { name: 's3', bucket: 'from-env' }, keys: {} })
  expect(open({ bucket: 'mine' }, env).storage.bucket).toBe('mine')
  expect(open({ bucket: 'mine' }, {}).storage.bucket).toBe('mine')
  expect(open({}, { ...env, WHATSAPP_MEDIA_PREFIX: 'p/' }).keys).toEqual({ prefix: 'p/' })
})

it('openStorage signs for the public endpoint, in the region asked for', async () => {
  const env = { AWS_REGION: 'eu-central-1' }
  const flags = {
    bucket: 'mine',
    region: 'us-west-2',
    endpoint: 'http://127.0.0.1:1',
    publicEndpoint: 'https://m.test',
  }
  const { storage } = open(flags, env)
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'example-secret')
  const signed = await storage.signedUrl?.('k', {
    expiresIn: 9,
    contentType: 'image/png',
    contentDisposition: 'inline',
  })
  expect(signed?.url).toMatch(/^https:\/\/m\.test\/mine\/k\?.*us-west-2/)
  await storage.close?.()
})

it('openStorage opens a folder, which signs with address and secret only', () => {
  const directory = temporaryFolder()
  const publicEndpoint = 'https://m.test/files'
  const secret = { WHATSAPP_MEDIA_URL_SECRET: 'a secret of enough characters' }
  expect(open({ directory }, {}).storage).toMatchObject({ name: 'file-system' })
  expect(open({ directory }, secret).storage.signedUrl).toBeUndefined()
  expect(open({ directory, publicEndpoint }, secret).storage.signedUrl).toBeTypeOf('function')
})

it('openStorage refuses what leads nowhere', () => {
  expect(() => open({}, {})).toThrow('--bucket is needed (or S3_BUCKET_NAME), or --directory')
  expect(() => open({ directory: temporaryFolder(), publicEndpoint: 'https://m.test' }, {})).toThrow(
    '--public-endpoint goes with --directory only where WHATSAPP_MEDIA_URL_SECRET is set',
  )
  expect(() => open({ bucket: 'b', directory: 'd' }, {})).toThrow('--bucket does not go with --directory')
  expect(() => open({ endpoint: 'x', directory: 'd' }, {})).toThrow('--endpoint does not go with --directory')
  for (const url of ['no url', 'ftp://m.test']) {
    expect(() => open({ bucket: 'b', endpoint: url }, {})).toThrow('--endpoint must be an http(s) URL')
    expect(() => open({ bucket: 'b', publicEndpoint: url }, {})).toThrow('--public-endpoint must be an http(s) URL')
  }
})
