import { isSameIdentity } from '../renewal.js'
import type { S3Connection } from './connection.js'

/** Has a client ask its provider of credentials anew. @returns whether it gave others. */
export async function renewSdkCredentials({ client }: Pick<S3Connection, 'client'>): Promise<boolean> {
  const last = await client.config.credentials()
  return !isSameIdentity(last, await client.config.credentials({ forceRefresh: true }))
}
