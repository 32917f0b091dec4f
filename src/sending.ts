export type { SendingOptions } from './sending/call-graph.js'
export type { BodySource, OutboundSource, StoredSource } from './sending/open-source.js'
export { type UploadedMedia, uploadMediaToWhatsApp, type WhatsAppUploadOptions } from './sending/upload-media.js'
