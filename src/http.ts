export type { AgentByProtocol, HttpAgents } from './http/agents.js'
export type { HttpClient, HttpRequest, HttpResponse } from './http/client.js'
export { type FetchLike, type FetchLikeResponse, type FromFetchOptions, fromFetch } from './http/from-fetch.js'
export { createNodeHttpClient, type NodeHttpClientOptions } from './http/node.js'
