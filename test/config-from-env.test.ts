import { Agent } from 'node:https'
import { describe, expect, it, vi } from 'vitest'
import { configFromEnv } from '../src/config-from-env.js'
import { fakeProxyAgents } from './http/fake-proxy-agents.js'

describe('configFromEnv', () => {
  it('reads every variable', () => {
    const env = {
      AWS_REGION: 'ap-south-1',
      S3_BUCKET_NAME: 'media',
      S3_ENDPOINT: 'http://127.0.0.1:9000',
      WHATSAPP_MEDIA_PREFIX: 'wa/',
      WHATSAPP_ACCESS_TOKEN: 'token-of-a-test',
      WHATSAPP_APP_SECRET: 'secret-of-a-test',
      WHATSAPP_VERIFY_TOKEN: 'verify-of-a-test',
    }
    expect(configFromEnv(env)).toStrictEqual({
      region: 'ap-south-1',
      bucket: 'media',
      endpoint: 'http://127.0.0.1:9000',
      prefix: 'wa/',
      accessToken: 'token-of-a-test',
      appSecret: 'secret-of-a-test',
      verifyToken: 'verify-of-a-test',
    })
  })

  it('has the agents of the proxies, for HTTP clients and S3 alike', () => {
    fakeProxyAgents({ readsProxyEnv: true })
    const env = { https_proxy: 'http://user:s3cret@proxy.example:8080', NO_PROXY: 'minio', S3_BUCKET_NAME: 'media' }
    const config = configFromEnv(env)
    expect(config).toEqual({ bucket: 'media', agent: { https: expect.any(Agent) } })
    expect(configFromEnv(env).agent).toBe(config.agent)
    vi.restoreAllMocks()
  })

  it('refuses a proxy that is no http(s) URL, and does not show it', () => {
    expect(() => configFromEnv({ HTTP_PROXY: 'user:s3cret@proxy' })).toThrow(
      'HTTP_PROXY must be an http(s) URL such as http://proxy.example:3128, got a string of 17 characters',
    )
  })

  it('leaves out what is absent, empty or blank', () => {
    expect(configFromEnv({})).toStrictEqual({})
    const env = { AWS_REGION: undefined, S3_BUCKET_NAME: '', S3_ENDPOINT: '  ', WHATSAPP_ACCESS_TOKEN: '\n' }
    expect(configFromEnv(env)).toStrictEqual({})
  })

  it('removes white space around, such as the line break of a secret file', () => {
    expect(configFromEnv({ WHATSAPP_ACCESS_TOKEN: ' token-of-a-test\r\n' })).toEqual({ accessToken: 'token-of-a-test' })
  })

  it("leaves other variables, AWS credentials included, to the SDK's own chain", () => {
    expect(configFromEnv({ AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', S3_BUCKET: 'c', region: 'd' })).toEqual(
      {},
    )
  })

  it.each(['http://minio:9000', 'https://s3.example/path', 'HTTPS://S3.example'])(
    'takes the endpoint %s',
    (endpoint) => {
      expect(configFromEnv({ S3_ENDPOINT: endpoint })).toEqual({ endpoint })
    },
  )

  it.each(['localhost:9000', 'minio', 'ftp://minio', 's3://bucket', '//minio', 'https://'])(
    'refuses the endpoint %s',
    (endpoint) => {
      expect(() => configFromEnv({ S3_ENDPOINT: endpoint })).toThrow(
        expect.objectContaining({ code: 'invalid-option', option: 'S3_ENDPOINT' }),
      )
    },
  )

  it('does not show a refused endpoint, which may hold a password', () => {
    expect(() => configFromEnv({ S3_ENDPOINT: 'user:password@minio' })).toThrow(
      'S3_ENDPOINT must be an http(s) URL, got a string of 19 characters',
    )
  })
})
