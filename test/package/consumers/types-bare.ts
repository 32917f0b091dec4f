// Compiled in an app without the AWS SDK: these entry points must not mention its types.
import {
  type ArchivedMedia,
  archiveMedia,
  buildMediaKey,
  type MediaReference,
  type ObjectStorage,
  WhatsAppMediaError,
} from 'whatsapp-media-archive'
import { createFileSystemStorage } from 'whatsapp-media-archive/storage/file-system'
import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
import { createFakeCloudApi } from 'whatsapp-media-archive/testing'

const storages: ObjectStorage[] = [createMemoryStorage(), createFileSystemStorage({ directory: '/var/lib/media' })]

export async function archiveEverywhere(media: MediaReference): Promise<ArchivedMedia[]> {
  const { accessToken, cloudApi } = await createFakeCloudApi()
  const archived = storages.map((storage) => archiveMedia(media, { storage, accountId: 'a', accessToken, cloudApi }))
  return Promise.all(archived)
}

export function explain(error: unknown): string {
  if (!WhatsAppMediaError.is(error)) return 'unknown'
  // Each code narrows to its class.
  return error.code === 'size-limit' ? `more than ${error.limitBytes} bytes` : error.code
}

// @ts-expect-error a key needs more than an account
buildMediaKey({ accountId: 'a' })
// @ts-expect-error there is no such code
export const isNoCode = (error: WhatsAppMediaError & { code: 'size-limit' }): boolean => error.code === 'no-such-code'
