import { createHash } from 'node:crypto'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkSignal, checkText } from '../errors/checks.js'
import { describeValue } from '../errors/describe.js'
import { readField } from '../errors/thrown.js'
import { InvalidOptionError } from '../errors.js'
import { emit } from '../events.js'
import { defined, readOwn } from '../json.js'
import { parseOwnKey } from '../key.js'
import { checkMediaType, type MediaType } from '../media-reference.js'
import { checkMessage, checkParts, type MessageParts, type MessageRecipient } from '../sending/check-message.js'
import { findKind, type StoredLink } from '../sending/choose-media.js'
import { hashLocalFile, type LocalFile, measureLocalFile, nameLocalFile } from '../sending/local-file.js'
import type { BodySource, StoredSource } from '../sending/open-source.js'
import { checkOutboundSize } from '../sending/outbound-limits.js'
import { type SendMessageOptions, type SentMessage, sendMediaMessage } from '../sending/send-message.js'
import { checkRetry, retryAttempts } from '../timing/retry.js'
import { getKnownSize, openBody, runWithBody } from '../upload/open-body.js'
import { type UploadOptions, uploadToS3 } from '../upload.js'
import type { ObjectParts } from './archived-objects.js'
import type { AccountPlace } from './callbacks.js'
import type { SharedOptions } from './options.js'

/** What an archive sends: one of the account's objects by its key, a file of this machine, or bytes. */
export type ArchiveMedia = (
  | Omit<StoredSource, 'storage'>
  | Omit<StoredLink, 'storage' | 'mediaType'>
  | LocalFile
  | BodySource
) & {
  /** How it is shown: `document` for any file, else by MIME type. Default: by MIME type; WebP is a sticker. */
  mediaType?: MediaType | undefined
}

/** A message that an archive sends. */
export type ArchiveMessage = MessageRecipient &
  MessageParts & {
    /** What is sent: see `ArchiveMedia`. */
    media: ArchiveMedia
  }

/** Options of `MediaArchive.send`. */
export interface ArchiveSendOptions extends Pick<SendMessageOptions, 'phoneNumberId' | 'ttlMinutes' | 'signal'> {}

/** A message that Meta has accepted, and the object that it shows. */
export interface SentMedia extends SentMessage {
  /** The object's key. */
  key: string
  /** True when the object was there before. */
  alreadyStored: boolean
}

const SEND_OPTIONS: OptionNames<ArchiveSendOptions> = { phoneNumberId: true, ttlMinutes: true, signal: true }

/** The options of an archive that only sending takes. */
export type OutboundOptions = Pick<SendMessageOptions, 'mediaIds' | 'mediaIdsTimeoutMs'>

/** One call: for whom, and where. */
interface SendCall {
  shared: SharedOptions
  accountId: string
  place: AccountPlace
  signal: AbortSignal
}

/** An object that is there, as it is sent. */
interface SentObject {
  key: string
  alreadyStored: boolean
  mimeType?: string | undefined
  filename?: string | undefined
}

/** `MediaArchive.send`. */
export function createSendCall({
  shared,
  outbound,
  callbacks,
  calls,
  findPlace,
}: ObjectParts & { outbound: OutboundOptions }): (
  message: ArchiveMessage,
  options: ArchiveSendOptions,
) => Promise<SentMedia> {
  const send = async (message: ArchiveMessage, options: ArchiveSendOptions): Promise<SentMedia> => {
    checkOptions(options, SEND_OPTIONS, { after: { message } })
    checkMessage(message)
    const { phoneNumberId, ttlMinutes, signal: own } = options
    checkText('phoneNumberId', phoneNumberId)
    if (own !== undefined) checkSignal('signal', own)
    const { media, ...parts } = message
    checkMedia(media)
    return calls.run(async (signal) => {
      const { accountId, accessToken, appSecret } = await callbacks.findAccount(phoneNumberId, signal)
      const place = await findPlace(accountId, signal)
      const { key, alreadyStored, ...source } = await storeFirst(message, { shared, accountId, place, signal })
      const by = 'by' in media ? defined({ by: media.by, expiresIn: media.expiresIn }) : {}
      const stored = { storage: place.storage, key, ...defined({ ...source, mediaType: media.mediaType }), ...by }
      const { maxBytes, sniff, integrity, keyLayout, ...connection } = shared
      const sent = await sendMediaMessage(
        { ...parts, media: stored },
        {
          ...connection,
          ...outbound,
          ...{ phoneNumberId, accountId, accessToken: callbacks.limitToken(accessToken), signal },
          ...defined({ appSecret, ttlMinutes }),
        },
      )
      return { ...sent, key, alreadyStored }
    }, own)
  }
  return (message, options) => runWithBody(readField(message, 'media'), () => send(message, options))
}

/** Checks all that can be known of the file before a byte moves, and stores what is not stored yet. */
async function storeFirst({ media, ...parts }: ArchiveMessage, call: SendCall): Promise<SentObject> {
  const { mediaType } = media
  if ('key' in media) return nameStored(media, call)
  const check: FileCheck = (mimeType, bytes) => {
    const format = findKind(mimeType, mediaType, { voice: parts.voice === true })
    checkParts(parts, format.kind)
    if (bytes !== undefined) checkOutboundSize(format, bytes)
    return format.kind
  }
  return 'path' in media ? storeFile(media, check, call) : storeBody(media, check, call)
}

const MEDIA_FIELDS: OptionNames<ArchiveMedia> = {
  ...{ key: true, path: true, body: true, size: true, mimeType: true, filename: true, mediaType: true },
  ...{ by: true, expiresIn: true },
}

/** @throws InvalidOptionError unless it is one of the three, of the right form as far as that is looked at here. */
function checkMedia(media: ArchiveMedia): void {
  const option = 'message.media'
  checkOptions(media, MEDIA_FIELDS, { option })
  const given = ['key', 'path', 'body'].filter((name) => readOwn(media, name) !== undefined)
  if (given.length !== 1) {
    const got = given.length === 0 ? 'none' : given.join(' and ')
    throw new InvalidOptionError({ option, problem: `must have exactly one of key, path and body, got ${got}` })
  }
  const link = ['by', 'expiresIn'].find((name) => readOwn(media, name) !== undefined)
  if (link !== undefined && given[0] !== 'key') {
    throw new InvalidOptionError({ option: `${option}.${link}`, problem: 'goes with the key of a stored object' })
  }
  if (media.mediaType !== undefined) checkMediaType(media.mediaType, `${option}.mediaType`)
}

/** @returns the kind of media. @throws OutboundTypeError, OutboundLimitError, InvalidOptionError */
type FileCheck = (mimeType: string, bytes: number | undefined) => MediaType

/** @throws WrongAccountError for another account's key; InvalidOptionError for what is none. */
function nameStored(
  { key, mimeType, filename }: Omit<StoredSource, 'storage'>,
  { shared, accountId, place: { prefix } }: SendCall,
): SentObject {
  parseOwnKey(key, { accountId, prefix, keyLayout: shared.keyLayout })
  return { key, alreadyStored: true, mimeType, filename }
}

async function storeFile(
  { mediaType, ...file }: LocalFile & Pick<ArchiveMedia, 'mediaType'>,
  check: FileCheck,
  call: SendCall,
): Promise<SentObject> {
  const option = 'message.media'
  const { mimeType, filename } = nameLocalFile(file, option)
  const kind = check(mimeType, await measureLocalFile(file.path, option))
  const { size, sha256, open } = await hashLocalFile(file.path, { option, signal: call.signal })
  const named = { mimeType, mediaType: kind, filename, size, sha256 }
  return storeAttempts(open, named, call)
}

async function storeBody(
  { body, size, mimeType, filename }: BodySource,
  check: FileCheck,
  call: SendCall,
): Promise<SentObject> {
  checkText('message.media.mimeType', mimeType)
  const held = getKnownSize(body)
  if (held !== undefined && size !== undefined && size !== held) {
    const problem = `must be that of the body, ${held}, got ${describeValue(size)}`
    throw new InvalidOptionError({ option: 'message.media.size', problem })
  }
  const kind = check(mimeType, held ?? size)
  const named = { mimeType, mediaType: kind, filename, size }
  if (held !== undefined) return storeAttempts(() => body, { ...named, sha256: await hashBody(body) }, call)
  const { key, alreadyStored } = await uploadToS3(body, buildUpload(named, call))
  return { key, alreadyStored, mimeType, filename }
}

async function hashBody(body: BodySource['body']): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of openBody(body)) hash.update(chunk)
  return hash.digest('hex')
}

/** What the object is stored as. */
type NamedBody = Pick<UploadOptions, 'filename' | 'size' | 'sha256'> & { mimeType: string; mediaType: MediaType }

/** Stores a body that can be read again. Its key goes by its bytes: sent again on the same day, it is there already. */
async function storeAttempts(
  open: () => BodySource['body'],
  named: NamedBody & { sha256: string },
  call: SendCall,
): Promise<SentObject> {
  const { shared, accountId, signal } = call
  const { mimeType, mediaType, filename, sha256 } = named
  const options = { ...buildUpload(named, call), mediaId: `sha256-${sha256}` }
  const { key, alreadyStored } = await retryAttempts(() => uploadToS3(open(), options), {
    ...checkRetry(shared),
    ...{ deadlineAt: Number.POSITIVE_INFINITY, signal, mayRetry: () => true },
    onFailedAttempt: (error, attempt, retryInMs) =>
      emit(shared.onEvent, { type: 'attempt-failed', error, attempt, accountId, mediaType, ...defined({ retryInMs }) }),
  })
  return { key, alreadyStored, mimeType, filename }
}

function buildUpload(named: NamedBody, { shared, accountId, place, signal }: SendCall): UploadOptions {
  const { maxBytes, sniff, timeouts, keyLayout, onEvent } = shared
  return {
    ...{ maxBytes, sniff, timeouts, keyLayout, onEvent, ...place, accountId, signal, timestamp: new Date() },
    ...named,
  }
}
