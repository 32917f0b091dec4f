import { readFile, rename, writeFile } from 'node:fs/promises'

/** What a secrets manager gives to all processes. */
export interface Secrets {
  accessToken: string
  accessKeyId: string
  secretAccessKey: string
}

export async function readSecrets(path: string): Promise<Secrets> {
  return JSON.parse(await readFile(path, 'utf8')) as Secrets
}

/** Nobody reads half of them. */
export async function writeSecrets(path: string, secrets: Partial<Secrets>): Promise<void> {
  const before = await readSecrets(path).catch(() => ({}))
  await writeFile(`${path}.new`, JSON.stringify({ ...before, ...secrets }))
  await rename(`${path}.new`, path)
}
