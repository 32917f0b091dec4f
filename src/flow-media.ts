export { decryptFlowMedia, type FlowMediaOptions } from './flow-media/decrypt.js'
export { extractFlowMedia, type FlowRequestOptions } from './flow-media/extract.js'
