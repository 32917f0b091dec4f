export {
  type BuiltWebhook,
  buildWebhook,
  deliver,
  type SignedWebhook,
  type StatusFacts,
  serializeWebhook,
  signWebhook,
  type WebhookItem,
  type WebhookOptions,
} from './testing/build-webhook.js'
export type { ConformanceCase } from './testing/conformance.js'
export {
  type AddedFlowMedia,
  type AddedMedia,
  createFakeCloudApi,
  type FakeAccount,
  type FakeCloudApi,
  type FakeCloudApiOptions,
  type FakeFetch,
  type FakeFlowMedia,
  type FakeMedia,
  type Fault,
  type FaultKind,
  type KeptMessage,
  type KeptStatus,
  type KeptUpload,
  type MswHttp,
  type RecordedRequest,
  type TemplateUpload,
} from './testing/fake-cloud-api.js'
export { createGeneratedBytes, type GeneratedBytes } from './testing/generated-bytes.js'
export { type OpenQueue, type QueueConformanceOptions, queueConformance } from './testing/queue-conformance.js'
export {
  type Fetch,
  type StorageConformanceOptions,
  type StorageLack,
  storageConformance,
} from './testing/storage-conformance.js'
