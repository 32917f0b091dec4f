// Behind a proxy: agents of packages and of Node itself, the command line, and the fetches that `fromFetch` takes, on the
// Nodes that they support.
import { makeCertificate } from './runtimes.mjs'
import { at, twoAtATime } from './tools.mjs'

const NODE_VERSIONS = ['20.19.0', '22.23.3', '24.21.0']
const PACKAGES = [
  ...['https-proxy-agent-7@npm:https-proxy-agent@7.0.6', 'https-proxy-agent-9@npm:https-proxy-agent@9.1.0'],
  ...['proxy-agent-8@npm:proxy-agent@8.0.3', 'agentkeepalive@4.6.0'],
  ...['undici-5@npm:undici@5.29.0', 'undici-6@npm:undici@6.29.1', 'undici-7@npm:undici@7.30.2'],
  ...['undici-8@npm:undici@8.13.1', 'node-fetch-2@npm:node-fetch@2.7.0', 'node-fetch-3@npm:node-fetch@3.3.2'],
]
const FETCHES = ['global', 'undici-5', 'undici-6', 'undici-7', 'node-fetch-2', 'node-fetch-3']
const AGENTS = ['https-proxy-agent-7', 'https-proxy-agent-9', 'proxy-agent-8', 'agentkeepalive']

export async function checkProxies(tools) {
  const { check, must, node, project } = tools
  const sdk = at('@aws-sdk/client-s3', '@aws-sdk/s3-request-presigner')
  const cwd = await project('proxies', [...sdk, ...PACKAGES], { programs: ['runtimes', 'proxies'] })
  await must('openssl', makeCertificate(), { cwd })
  const env = { NODE_EXTRA_CA_CERTS: 'cert.pem', HTTPS_PROXY: '', https_proxy: '', NO_PROXY: '', no_proxy: '' }
  await twoAtATime(
    NODE_VERSIONS.map((version) => async () => {
      const bin = await node(version)
      const options = { cwd, env, timeoutMs: 60_000 }
      const isOld = version.startsWith('20.')
      for (const way of [...(version.startsWith('22.') ? [] : AGENTS), isOld ? 'warning' : 'environment']) {
        await check(`Node ${version}: a proxy by ${way}`, bin, ['agents.mjs', way], options)
      }
      if (!isOld)
        await check(`Node ${version}: the command by a proxy of the environment`, bin, ['command.mjs'], options)
      const fetches = isOld ? FETCHES : [...FETCHES, 'undici-8']
      await check(`Node ${version}: fromFetch over ${fetches.join(', ')}`, bin, ['fetches.mjs', ...fetches], options)
    }),
  )
}
