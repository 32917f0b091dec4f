import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Runs one of scripts/servers/, which take root (or sudo). @returns what it printed. */
export async function runServerScript(name: string, ...given: string[]): Promise<string> {
  const script = fileURLToPath(new URL(`../../../scripts/servers/${name}`, import.meta.url))
  const { stdout } = await promisify(execFile)(script, given)
  return stdout
}
