export {
  type BuiltWebhook,
  buildWebhook,
  deliver,
  serializeWebhook,
  signWebhook,
  type WebhookItem,
  type WebhookOptions,
} from './testing/build-webhook.js'
export type { ConformanceCase } from './testing/conformance.js'
export type { FakeAccount } from './testing/fake-cloud-api/account.js'
export type { Fault, FaultKind } from './testing/fake-cloud-api/faults.js'
export {
  type AddedMedia,
  createFakeCloudApi,
  type FakeCloudApi,
  type FakeCloudApiOptions,
  type FakeMedia,
  type RecordedRequest,
} from './testing/fake-cloud-api.js'
export { createGeneratedBytes, type GeneratedBytes } from './testing/generated-bytes.js'
export { type OpenQueue, type QueueConformanceOptions, queueConformance } from './testing/queue-conformance.js'
export {
  type Fetch,
  type StorageConformanceOptions,
  type StorageLack,
  storageConformance,
} from './testing/storage-conformance.js'
