export type { Account, Accounts } from './accounts.js'
export { type ArchivedMedia, type ArchiveOptions, archiveMedia } from './archive.js'
export type { CloudApiOptions } from './cloud-api.js'
export { configFromEnv, type EnvConfig } from './config-from-env.js'
export { type MediaContent, toContent } from './content.js'
export type { Timeouts } from './deadlines.js'
export { type AccessToken, type DownloadedMedia, type DownloadOptions, downloadMediaFromWhatsApp } from './download.js'
export {
  AccessTokenError,
  type AnyWhatsAppMediaError,
  DeadlineError,
  DownloadFailedError,
  type ErrorCode,
  GraphApiError,
  HostRefusedError,
  IntegrityMismatchError,
  InvalidOptionError,
  KeyConflictError,
  MediaGoneError,
  type Phase,
  SizeLimitError,
  StorageFailedError,
  UnknownNumberError,
  WhatsAppMediaError,
  WrongAccountError,
} from './errors.js'
export type { MediaEvent, OnEvent } from './events.js'
export type { FailedReference, MediaFailure } from './failure.js'
export {
  createNodeHttpClient,
  type FetchLike,
  type FetchLikeResponse,
  fromFetch,
  type HttpClient,
  type HttpRequest,
  type HttpResponse,
} from './http.js'
export type { Integrity } from './integrity.js'
export {
  buildMediaKey,
  type KeyLayout,
  type KeyOptions,
  MEDIA_ID_NAMESPACE,
  type MediaKeyParts,
  type ParsedMediaKey,
  parseMediaKey,
} from './key.js'
export {
  type ArchiveSigningOptions,
  type ArchiveUploadOptions,
  createMediaArchive,
  type MediaArchive,
  type MediaArchiveOptions,
} from './media-archive.js'
export type { MediaReference, MediaType } from './media-reference.js'
export { getMediaTypeFromMime } from './mime.js'
export type { RetryOptions } from './retry.js'
export { getSignedUrl, type SignedMediaUrl, type SigningOptions, signUrls } from './signed-url.js'
export type {
  CallOptions,
  ObjectStorage,
  PutOptions,
  PutResult,
  SignedUrlOptions,
  StoredObject,
} from './storage.js'
export type { SniffPolicy, StoredMedia } from './store.js'
export { type UploadBody, type UploadOptions, uploadToS3 } from './upload.js'
