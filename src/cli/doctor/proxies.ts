import { describeProxies, PROXY_ADVICE } from '../../http/proxies.js'
import type { Finding } from './finding.js'
import type { DoctorSettings } from './options.js'

/** The environment's proxies, if there are any. All the doctor's questions go through them. */
export function judgeProxies({ agent, proxies }: Pick<DoctorSettings, 'agent' | 'proxies'>): Finding[] {
  if (proxies === undefined) return []
  const ways = describeProxies(proxies)
  if (agent !== undefined) return [{ check: 'proxy', severity: 'ok', finding: `Requests go ${ways}` }]
  const finding = `Requests go directly, for this runtime has no agents for the proxies that are set: ${ways}`
  return [{ check: 'proxy', severity: 'warning', finding, fix: { advice: PROXY_ADVICE } }]
}
