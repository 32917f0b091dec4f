export { type ArchivedMedia, type ArchivedMessageMedia, type ArchiveOptions, archiveMedia } from './archive.js'
export { configFromEnv, type EnvConfig } from './config-from-env.js'
export type { AccessToken } from './download/access-token.js'
export type { CloudApiOptions } from './download/cloud-api.js'
export { type DownloadedMedia, type DownloadOptions, downloadMediaFromWhatsApp } from './download.js'
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
  JobTooLargeError,
  KeyConflictError,
  MediaGoneError,
  MediaUnavailableError,
  PayloadTooLargeError,
  type Phase,
  QueueFailedError,
  QueueFullError,
  SignatureError,
  SizeLimitError,
  StorageFailedError,
  UnknownNumberError,
  WhatsAppMediaError,
  WrongAccountError,
} from './errors.js'
export type { MediaEvent, OnEvent } from './events.js'
export { getMediaTypeFromMime } from './file-type/mime.js'
export {
  createNodeHttpClient,
  type FetchLike,
  type FetchLikeResponse,
  fromFetch,
  type HttpClient,
  type HttpRequest,
  type HttpResponse,
} from './http.js'
export type { Integrity } from './integrity/prove.js'
export {
  buildMediaKey,
  type KeyLayout,
  type KeyOptions,
  MEDIA_ID_NAMESPACE,
  type MediaKeyParts,
  type ParsedMediaKey,
  parseMediaKey,
} from './key.js'
export type { Account, Accounts } from './media-archive/accounts.js'
export { type MediaContent, toContent } from './media-archive/content.js'
export type { FailedAnnouncement, FailedReference, MediaFailure } from './media-archive/media-failure.js'
export {
  type ArchiveSigningOptions,
  type ArchiveUploadOptions,
  createMediaArchive,
  type MediaArchive,
  type MediaArchiveOptions,
} from './media-archive.js'
export type { MediaReference, MediaType } from './media-reference.js'
export { createInProcessQueue, type InProcessQueueOptions } from './queues/in-process.js'
export type { JobContext, JobOutcome, MediaJob, MediaQueue, ProcessJob } from './queues.js'
export { getSignedUrl, type SignedMediaUrl, type SigningOptions, signUrls } from './signed-url.js'
export type {
  CallOptions,
  ObjectStorage,
  PutOptions,
  PutResult,
  SignedUrlOptions,
  StoredObject,
  StoredObjectSummary,
  UrlSigner,
} from './storage.js'
export type { Timeouts } from './timing/deadlines.js'
export type { RetryOptions } from './timing/retry.js'
export type { SniffPolicy, StoredMedia } from './upload/put-once.js'
export { type UploadBody, type UploadOptions, uploadToS3 } from './upload.js'
export {
  type ExtractedMedia,
  extractMedia,
  type RevokedMessage,
  type UnavailableMedia,
  type UnavailableReason,
} from './webhook/extract.js'
export { type LambdaWebhookEvent, type LambdaWebhookResult, toLambdaHandler } from './webhook/lambda.js'
export { toNodeHandler } from './webhook/node.js'
export { signPayload, verifySignature } from './webhook/signature.js'
export {
  createWebhookHandler,
  type IncomingWebhook,
  type RejectionReason,
  type WebhookAnswer,
  type WebhookDelivery,
  type WebhookHandler,
  type WebhookHandlerOptions,
  type WebhookRejection,
} from './webhook.js'
