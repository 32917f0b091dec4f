import { Agent } from 'node:https'
import { expect, it, vi } from 'vitest'
import { readDoctorSettings } from '../../../src/cli/doctor/options.js'
import { judgeProxies } from '../../../src/cli/doctor/proxies.js'
import { fakeProxyAgents } from '../../http/fake-proxy-agents.js'

it('says nothing without a proxy', () => {
  expect(judgeProxies(readDoctorSettings({}, { NO_PROXY: '*' }))).toEqual([])
})

it('says which proxy is in use, without its password', () => {
  fakeProxyAgents({ readsProxyEnv: true })
  const env = { HTTPS_PROXY: 'http://user:s3cret@proxy.example:3128', NO_PROXY: 'minio' }
  const settings = readDoctorSettings({}, env)
  expect(settings.agent?.https).toBeInstanceOf(Agent)
  expect(judgeProxies(settings)).toEqual([
    {
      check: 'proxy',
      severity: 'ok',
      finding: 'Requests go https through proxy.example:3128 (HTTPS_PROXY), but for the hosts of NO_PROXY',
    },
  ])
  vi.restoreAllMocks()
})

it('warns where the proxy is not in use', () => {
  fakeProxyAgents({ readsProxyEnv: false })
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const [finding] = judgeProxies(readDoctorSettings({}, { http_proxy: 'http://user:s3cret@proxy.example:3129' }))
  expect(finding).toEqual({
    check: 'proxy',
    severity: 'warning',
    finding:
      'Requests go directly, for this runtime has no agents for the proxies that are set: http through proxy.example:3129 (http_proxy)',
    fix: { advice: expect.stringContaining('https-proxy-agent') },
  })
  vi.restoreAllMocks()
})
