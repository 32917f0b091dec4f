// Compiled in an app without the AWS SDK: these entry points must not mention its types.
import {
  type ArchivedMedia,
  archiveMedia,
  buildMediaKey,
  type MediaReference,
  type ObjectStorage,
  WhatsAppMediaError,
} from 'whatsapp-media-archive'
import { type AnyWhatsAppMediaError, SizeLimitError } from 'whatsapp-media-archive/errors'
import { fromFetch, type HttpClient } from 'whatsapp-media-archive/http'
import type { MediaIdCache } from 'whatsapp-media-archive/media-ids'
import { createFileMediaIds } from 'whatsapp-media-archive/media-ids/file'
import { createMemoryMediaIds } from 'whatsapp-media-archive/media-ids/memory'
import type { MediaJob } from 'whatsapp-media-archive/queues'
import { createInProcessQueue } from 'whatsapp-media-archive/queues/in-process'
import type { PutOptions } from 'whatsapp-media-archive/storage'
import { createFileSystemStorage } from 'whatsapp-media-archive/storage/file-system'
import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
import { createWebhookHandler, toNodeHandler } from 'whatsapp-media-archive/webhook'

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

export const http: HttpClient = fromFetch(fetch)
export const handler = toNodeHandler(createWebhookHandler({ appSecret: 's', verifyToken: 't', onPayload() {} }))
export const left: Promise<MediaJob[]> = createInProcessQueue().close()
export const isTooLarge = (error: AnyWhatsAppMediaError): boolean => error instanceof SizeLimitError
export const mediaIds: MediaIdCache[] = [
  createMemoryMediaIds(),
  createFileMediaIds({ directory: '/var/lib/media-ids' }),
]
export const sizeOf = ({ size }: PutOptions): number => size

// @ts-expect-error a key needs more than an account
buildMediaKey({ accountId: 'a' })
// @ts-expect-error there is no such code
export const isNoCode = (error: WhatsAppMediaError & { code: 'size-limit' }): boolean => error.code === 'no-such-code'
