/**
 * A customer's documents are archived, then sent to another number from the storage:
 *
 *     tsx send.ts < webhook.json
 *
 * `WHATSAPP_TO` gets them. Settings: WHATSAPP_PHONE_NUMBER_ID, WHATSAPP_ACCESS_TOKEN, and S3_BUCKET_NAME or MEDIA_DIRECTORY;
 * with MEDIA_IDS_DIRECTORY a file that Meta still holds is not uploaded again.
 */
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import {
  configFromEnv,
  createMediaArchive,
  type MediaArchiveOptions,
  type MediaReference,
  WhatsAppMediaError,
} from 'whatsapp-media-archive'
import { createNodeHttpClient } from 'whatsapp-media-archive/http'
import { createFileMediaIds } from 'whatsapp-media-archive/media-ids/file'
import { createFileSystemStorage } from 'whatsapp-media-archive/storage/file-system'
import { createS3Storage } from 'whatsapp-media-archive/storage/s3'
import { extractMedia } from 'whatsapp-media-archive/webhook'

export interface ForwarderOptions extends MediaArchiveOptions {
  /** Who gets the documents: a phone number with its country code. */
  to: string
}

/** What became of one document. */
export interface Forwarded {
  /** The customer's message. */
  receivedId: string
  /** Where the document is archived. */
  key?: string
  /** The message to the other number. */
  messageId?: string
  /** The code of the error that ended it. `send-outcome-unknown`: it may be sent, so look before you send it again. */
  error?: string
}

export interface Forwarder {
  /** Called twice for a webhook, it sends twice: keep the ids of the messages that are done. */
  forward(payload: unknown): Promise<Forwarded[]>
  close(): Promise<unknown>
}

export function createForwarder({ to, ...options }: ForwarderOptions): Forwarder {
  const archive = createMediaArchive(options)

  async function forwardDocument(media: MediaReference): Promise<Forwarded> {
    const { messageId: receivedId, phoneNumberId, filename, caption } = media
    const forwarded: Forwarded = { receivedId }
    try {
      const { key } = await archive.archive(media)
      forwarded.key = key
      // The bytes go from the storage to Meta; a customer may send a photo as a document, and it stays one.
      const message = { to, media: { key, mediaType: 'document' }, filename, caption } as const
      const { messageId } = await archive.send(message, { phoneNumberId })
      return { ...forwarded, messageId }
    } catch (error) {
      if (!WhatsAppMediaError.is(error)) throw error
      return { ...forwarded, error: error.code }
    }
  }

  return {
    async forward(payload) {
      const forwarded: Forwarded[] = []
      // One after the other: they arrive as the customer sent them.
      for (const media of extractMedia(payload).media) {
        if (media.mediaType === 'document') forwarded.push(await forwardDocument(media))
      }
      return forwarded
    },
    close: () => archive.close(),
  }
}

/** Options from the environment. @throws Error that names all variables that are missing. */
export function forwarderOptionsFromEnv(env: NodeJS.ProcessEnv): ForwarderOptions {
  const { bucket, region, endpoint, prefix, agent, accessToken, appSecret } = configFromEnv(env)
  const { WHATSAPP_TO: to, WHATSAPP_PHONE_NUMBER_ID: ownNumber, MEDIA_DIRECTORY, MEDIA_IDS_DIRECTORY } = env
  const needed = {
    WHATSAPP_TO: to,
    WHATSAPP_PHONE_NUMBER_ID: ownNumber,
    WHATSAPP_ACCESS_TOKEN: accessToken,
    'S3_BUCKET_NAME or MEDIA_DIRECTORY': bucket ?? MEDIA_DIRECTORY,
  }
  const missing = Object.entries(needed).filter(([, value]) => value === undefined || value === '')
  if (missing.length > 0) throw new Error(`not set: ${missing.map(([name]) => name).join(', ')}`)
  const account = { accountId: 'pixels_internal', accessToken, ...(appSecret === undefined ? {} : { appSecret }) }
  return {
    to: to ?? '',
    storage:
      bucket === undefined
        ? createFileSystemStorage({ directory: MEDIA_DIRECTORY ?? '' })
        : createS3Storage({ bucket, region, endpoint, agent }),
    accounts: (phoneNumberId) => (phoneNumberId === ownNumber ? account : undefined),
    prefix,
    ...(MEDIA_IDS_DIRECTORY ? { mediaIds: createFileMediaIds({ directory: MEDIA_IDS_DIRECTORY }) } : {}),
    ...(agent === undefined ? {} : { http: createNodeHttpClient({ agent }) }),
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { forward, close } = createForwarder(forwarderOptionsFromEnv(process.env))
  const forwarded = await forward(JSON.parse(await text(process.stdin)))
  for (const each of forwarded) console.log(JSON.stringify(each))
  if (forwarded.some(({ error }) => error !== undefined)) process.exitCode = 1
  await close()
}
