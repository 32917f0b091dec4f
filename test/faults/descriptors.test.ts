import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const child = fileURLToPath(new URL('./descriptors-child.ts', import.meta.url))
/** So few that they are soon held. */
const LIMIT = 'ulimit -Sn 128 && exec "$0" --import tsx "$@"'
const env = {
  ...process.env,
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'example-secret',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
}

describe('a process without a file descriptor at its first call', () => {
  it.each([
    ['head', 'ECONNREFUSED'],
    ['sign', 'done'],
    ['enqueue', 'ECONNREFUSED'],
  ])('makes its next %s when there are some', async (call, end) => {
    const { stdout } = await promisify(execFile)('bash', ['-c', LIMIT, process.execPath, child, call], { env })
    expect(JSON.parse(stdout)).toEqual(['EMFILE', end, end])
  })
})
