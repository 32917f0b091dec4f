import { access } from 'node:fs/promises'
import requireServer from '../integration/require-server.js'
import { CHROMIUM } from './browser.js'

/** Before the browser tests: there must be a Chromium, and a Ceph that answers. Otherwise the run fails, it never skips. */
export default async function requireBrowser(): Promise<void> {
  await requireServer()
  const { S3_SERVER: kind = '' } = process.env
  if (!kind.startsWith('ceph')) throw new Error(`S3_SERVER is '${kind}': only Ceph checks what a signed URL says`)
  await access(CHROMIUM).catch(() => {
    throw new Error(`${CHROMIUM} is missing: run scripts/servers/ensure-chromium.sh, or set CHROMIUM to its path`)
  })
}
