/** A way to archive or upload media; `pipelines/{name}.mjs` is its code. */
export interface Pipeline {
  name: string
  label: string
  /** Holds whole files in memory, so it is measured only up to `BUFFERED_BYTES` at once. */
  isBuffering?: boolean
  /** Stores without condition or hash of its own, and says so. */
  isUnproven?: boolean
}

export const PIPELINES: readonly Pipeline[] = [
  { name: 'ours', label: 'whatsapp-media-archive' },
  { name: 'ours-given-client', label: 'whatsapp-media-archive, S3 client given' },
  { name: 'fetch-buffer', label: 'fetch → arrayBuffer → PutObject', isBuffering: true },
  {
    name: 'fetch-buffer-unproven',
    label: 'the same, nothing proven, SDK defaults',
    isBuffering: true,
    isUnproven: true,
  },
  { name: 'axios-buffer', label: 'axios → arraybuffer → PutObject', isBuffering: true },
  { name: 'packaged-client', label: '@kapso/whatsapp-cloud-api → PutObject', isBuffering: true },
  // Parts carry the SDK's CRC32, and the whole no hash.
  { name: 'lib-storage', label: 'fetch stream → lib-storage Upload', isUnproven: true },
  { name: 'sdk-stream', label: 'fetch stream → PutObject, SDK defaults', isUnproven: true },
  { name: 'sdk-stream-tuned', label: 'node:https stream → PutObject, tuned SDK' },
  { name: 'uploads/ours', label: 'whatsapp-media-archive' },
  { name: 'uploads/axios', label: 'axios + form-data' },
  { name: 'uploads/axios-cut', label: 'axios + form-data, a stream of pieces of 1 MB' },
  { name: 'uploads/axios-unproven', label: 'axios + form-data, nothing proven' },
  { name: 'uploads/fetch', label: 'fetch + FormData + Blob', isBuffering: true },
  { name: 'uploads/fetch-unproven', label: 'fetch + FormData + Blob, nothing proven', isBuffering: true },
  { name: 'raw-proxy', label: 'limit: raw TLS sockets that hash' },
]

/** Bytes at once up to which whole files are held in memory. */
export const BUFFERED_BYTES = 512_000_000

export function pipelinesOf(names: readonly string[]): Pipeline[] {
  return PIPELINES.filter(({ name }) => names.includes(name))
}

export function labelOf(name: string): string {
  return PIPELINES.find((pipeline) => pipeline.name === name)?.label ?? name
}
