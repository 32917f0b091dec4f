import { copyFields } from './copy-fields.js'
import type { MediaEncryption } from './encryption.js'

/** The fields of a reference that let their reader have the file: secrets that outlive their use. */
export interface DownloadAccess {
  downloadUrl?: string | undefined
  downloadUrlExpiresAt?: string | undefined
  encryption?: MediaEncryption | undefined
}

/** The fields without those that let their reader have the file, as failures and dead letters keep them. */
export function removeDownloadAccess<Fields extends DownloadAccess>(
  fields: Fields,
): Omit<Fields, keyof DownloadAccess> {
  const { downloadUrl, downloadUrlExpiresAt, encryption, ...rest } = copyFields(fields)
  return rest
}
