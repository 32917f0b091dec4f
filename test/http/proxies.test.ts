import { Agent } from 'node:https'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createProxyAgents, describeProxies, readProxies } from '../../src/http/proxies.js'
import { fakeProxyAgents } from './fake-proxy-agents.js'

afterEach(() => {
  vi.restoreAllMocks()
})

/** Agents of the same settings are the same: each test has a proxy of its own. */
let ports = 20_000
const newProxy = (): string => `http://user:s3cret@proxy.example:${++ports}`

describe('readProxies', () => {
  it.each<[string, Record<string, string | undefined>, unknown]>([
    ['nothing', {}, undefined],
    ['empty variables', { HTTPS_PROXY: '', https_proxy: ' ', HTTP_PROXY: undefined }, undefined],
    ['NO_PROXY alone', { NO_PROXY: '*' }, undefined],
    ['ALL_PROXY, which Node does not read', { ALL_PROXY: 'http://a.test' }, undefined],
    ['capitals', { HTTPS_PROXY: 'http://a.test:1' }, { proxies: [['https', 'HTTPS_PROXY', 'http://a.test:1']] }],
    ['small letters', { http_proxy: 'https://a.test' }, { proxies: [['http', 'http_proxy', 'https://a.test']] }],
    [
      'small letters first',
      { HTTPS_PROXY: 'http://a.test', https_proxy: 'http://b.test' },
      { proxies: [['https', 'https_proxy', 'http://b.test']] },
    ],
    [
      'capitals where the small letters are empty',
      { HTTPS_PROXY: 'http://a.test', https_proxy: '' },
      { proxies: [['https', 'HTTPS_PROXY', 'http://a.test']] },
    ],
    ['blanks around', { HTTPS_PROXY: ' http://a.test\r\n' }, { proxies: [['https', 'HTTPS_PROXY', 'http://a.test']] }],
    [
      'all three',
      { HTTP_PROXY: 'http://a.test', HTTPS_PROXY: 'HTTP://b.test', no_proxy: 'c.test', NO_PROXY: 'd.test' },
      {
        proxies: [
          ['http', 'HTTP_PROXY', 'http://a.test'],
          ['https', 'HTTPS_PROXY', 'HTTP://b.test'],
        ],
        noProxy: 'c.test',
      },
    ],
  ])('reads %s', (_name, env, expected) => {
    const found = readProxies(env)
    const rows = found?.proxies.map(({ protocol, variable, url }) => [protocol, variable, url])
    expect(found && JSON.parse(JSON.stringify({ ...found, proxies: rows }))).toEqual(expected)
  })

  it.each([
    'proxy.example:3128',
    'user:s3cret@proxy.example',
    'socks5://u:s3cret@a.test',
    'http://',
    'http://a b',
    'x',
  ])('refuses %s, which Node would go around, and does not show it', (url) => {
    expect(() => readProxies({ HTTPS_PROXY: url })).toThrow(
      `HTTPS_PROXY must be an http(s) URL such as http://proxy.example:3128, got a string of ${url.length} character`,
    )
    expect(() => readProxies({ http_proxy: url })).toThrow(expect.objectContaining({ option: 'http_proxy' }))
  })
})

it('describeProxies shows neither user nor password', () => {
  const settings = readProxies({ HTTPS_PROXY: 'http://user:s3cret@proxy.example:3128', http_proxy: 'http://a.test' })
  if (settings === undefined) throw new Error('there are proxies')
  expect(describeProxies(settings)).toBe(
    'http through a.test (http_proxy), https through proxy.example:3128 (HTTPS_PROXY)',
  )
  expect(describeProxies({ ...settings, noProxy: 'b.test' })).toMatch(/\(HTTPS_PROXY\), but for the hosts of NO_PROXY$/)
})

describe('createProxyAgents', () => {
  it('makes none without a proxy, and loads nothing', () => {
    const load = vi.spyOn(process, 'getBuiltinModule')
    expect(createProxyAgents({ NO_PROXY: 'a.test' })).toBeUndefined()
    expect(load).not.toHaveBeenCalled()
  })

  it('makes Node’s own agents, one for each variable that is set', () => {
    const { made } = fakeProxyAgents({ readsProxyEnv: true })
    const proxy = newProxy()
    const agents = createProxyAgents({ HTTPS_PROXY: proxy, NO_PROXY: 'a.test, .b.test' })
    expect(Object.keys(agents ?? {})).toEqual(['https'])
    expect(agents?.https).toBeInstanceOf(Agent)
    expect(made.at(-1)).toEqual({ https_proxy: `${proxy}/`, no_proxy: 'a.test, .b.test' })
  })

  it('gives the same agents for the same settings, and others for other ones', () => {
    fakeProxyAgents({ readsProxyEnv: true })
    const proxy = newProxy()
    const first = createProxyAgents({ http_proxy: proxy, https_proxy: proxy })
    expect(Object.keys(first ?? {})).toEqual(['http', 'https'])
    expect(createProxyAgents({ http_proxy: proxy, https_proxy: proxy, OTHER: 'x' })).toBe(first)
    expect(createProxyAgents({ http_proxy: proxy, https_proxy: proxy, no_proxy: 'a.test' })).not.toBe(first)
  })

  it('warns once where agents know no proxies, and names the option and the packages', () => {
    fakeProxyAgents({ readsProxyEnv: false })
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const env = { HTTPS_PROXY: newProxy() }
    expect([createProxyAgents(env), createProxyAgents(env)]).toEqual([undefined, undefined])
    expect(warn).toHaveBeenCalledOnce()
    const [message] = warn.mock.calls[0] ?? []
    expect(message).toBe(
      `A proxy is set (https through proxy.example:${ports} (HTTPS_PROXY)), and this runtime makes no connections ` +
        'through a proxy by itself, so requests go directly. Run Node 22.21, 24.5 or newer, or give the option agent ' +
        'an agent of the package https-proxy-agent or proxy-agent.',
    )
  })

  it('asks this Node itself', () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    const isAble = major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21)
    expect(createProxyAgents({ HTTPS_PROXY: newProxy() }) !== undefined).toBe(isAble)
  })
})
