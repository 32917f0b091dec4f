export { type BuiltWebhook, buildWebhook, deliver, serializeWebhook, signWebhook } from './testing/build-webhook.js'
export {
  type AddedMedia,
  createFakeCloudApi,
  type FakeCloudApi,
  type FakeCloudApiOptions,
  type FakeMedia,
  type Fault,
  type RecordedRequest,
} from './testing/fake-cloud-api.js'
export { createGeneratedBytes, type GeneratedBytes } from './testing/generated-bytes.js'
export { type QueueConformanceOptions, queueConformance } from './testing/queue-conformance.js'
export type { OpenQueue } from './testing/queue-conformance-context.js'
export {
  type ConformanceCase,
  type StorageConformanceOptions,
  storageConformance,
} from './testing/storage-conformance.js'
export type { Fetch, StorageLack } from './testing/storage-conformance-context.js'
