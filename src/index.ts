// A webhook's media of many accounts into a bucket, over a queue.
export {
  createMediaArchive,
  type ArchivedObjects,
  type ArchiveMedia,
  type ArchiveMessage,
  type ArchiveSendOptions,
  type ArchiveSigningOptions,
  type ArchiveUploadOptions,
  type MediaArchive,
  type MediaArchiveOptions,
  type ObjectCallOptions,
  type OpenedObject,
  type SentMedia,
} from './media-archive.js'
export type { Account, Accounts } from './media-archive/accounts.js'
export type { MediaFailure } from './media-archive/media-failure.js'
export { MEDIA_REDACT_PATHS, redactMedia } from './media-archive/redact-media.js'
export type { MediaContact } from './media-reference/contact.js'
export type { MediaReference, MediaType } from './media-reference.js'
export type { MediaEncryption } from './media-reference/encryption.js'
export type { MediaQueue } from './queues.js'
export { configFromEnv, type EnvConfig } from './config-from-env.js'

// One media item, once.
export {
  archiveMedia,
  type ArchivedMedia,
  type ArchivedMessageMedia,
  type ArchiveOptions,
  type ArchiveResult,
} from './archive.js'
export type { Timeouts } from './timing/deadlines.js'
export type { RetryOptions } from './timing/retry.js'
export type { EventSubject, MediaEvent, OnEvent } from './events.js'

// Its bytes, from WhatsApp.
export { downloadMediaFromWhatsApp, type DownloadedMedia, type DownloadOptions } from './download.js'
export type { AccessToken } from './download/access-token.js'
export type { CloudApiOptions } from './download/cloud-api.js'

// The files of a Flow's endpoint, which are encrypted.
export {
  decryptFlowMedia,
  extractFlowMedia,
  type FlowMediaOptions,
  type FlowRequestOptions,
} from './flow-media.js'

// Its name.
export {
  buildMediaKey,
  MEDIA_ID_NAMESPACE,
  parseMediaKey,
  type KeyLayout,
  type MediaKeyParts,
  type ParsedMediaKey,
} from './key.js'
export { getMediaTypeFromMime } from './file-type/mime.js'

// Its place in a storage.
export { uploadToS3, type UploadBody, type UploadOptions } from './upload.js'
export type { StoredMedia } from './upload/result.js'
export type { ObjectStorage } from './storage.js'

// Its way to a reader.
export {
  getSignedUrl,
  signUrls,
  type AccountSigningOptions,
  type AnyAccountSigningOptions,
  type SignedMediaUrl,
  type SigningOptions,
  type UrlOptions,
} from './signed-url.js'
export { toContent, type MediaContent } from './media-archive/content.js'

// Its way out.
export {
  deleteMediaFromWhatsApp,
  dropFailedMedia,
  sendMediaMessage,
  uploadMediaToWhatsApp,
  uploadTemplateMedia,
  type BodySource,
  type DeleteMediaOptions,
  type DropMediaOptions,
  type MediaById,
  type MediaByLink,
  type MediaIdOptions,
  type LocalFile,
  type MessageMedia,
  type MessageParts,
  type MessageRecipient,
  type OutboundMessage,
  type OutboundSource,
  type SendingOptions,
  type SendMessageOptions,
  type SentMessage,
  type StoredLink,
  type StoredSource,
  type TemplateHeader,
  type TemplateMediaOptions,
  type UploadedFirst,
  type UploadedMedia,
  type UploadedSample,
  type WhatsAppUploadOptions,
} from './sending.js'
export type { CachedMediaId, MediaIdCache } from './media-ids.js'

// Failures: the base of all errors. The classes are in `whatsapp-media-archive/errors`.
export { WhatsAppMediaError, type ErrorCode } from './errors.js'
