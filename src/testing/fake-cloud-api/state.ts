import type { IncomingHttpHeaders } from 'node:http'
import type { FakeAccount } from './account.js'
import type { CountedFault } from './faults.js'
import type { HeldMedia } from './media.js'

/** A request that the fake API got. */
export interface RecordedRequest {
  /** The request's target. */
  kind: 'look-up' | 'download' | 'flow-download' | 'upload' | 'template' | 'delete' | 'send' | 'other'
  /** The HTTP method. */
  method: string
  /** Path and query. */
  url: string
  /** By lower-case name. */
  headers: IncomingHttpHeaders
  /** The answer; undefined until one has begun, and when none ever does. */
  readonly status: number | undefined
}

/** A file that was uploaded, as it came. */
export interface KeptUpload {
  /** The id that the answer gave. */
  mediaId: string
  /** The number in the path. */
  phoneNumberId: string
  /** The form's other fields, by name. */
  fields: Readonly<Record<string, string>>
  /** The name of the file's part. */
  filename: string
  /** The Content-Type of the file's part. */
  mimeType: string
  /** The file. */
  bytes: Buffer
  /** Lowercase hex. */
  sha256: string
}

/** A message that was sent, as it came. */
export interface KeptMessage {
  /** The id that the answer gave. */
  messageId: string
  /** The number in the path. */
  phoneNumberId: string
  /** The message's type. */
  type: string
  /** The body of the request. */
  body: Readonly<Record<string, unknown>>
  /** Absent for a link, and for messages without media. */
  mediaId?: string | undefined
  /** Meta's code, where Meta finds out later that it can't send the message: its status will be `failed`. */
  errorCode?: number | undefined
}

/** A status of a kept message: an item for `buildWebhook`. */
export interface KeptStatus {
  /** Its fate. */
  status: 'sent' | 'delivered' | 'failed'
  /** The message's id. */
  messageId: string
  /** The number that sent it. */
  phoneNumberId: string
  /** The recipient's phone number. */
  from?: string | undefined
  /** The recipient's business-scoped user id. */
  userId?: string | undefined
  /** The group that it went to. */
  groupId?: string | undefined
  /** What the message carried for its statuses. */
  callbackData?: string | undefined
  /** Meta's code of the failure. */
  errorCode?: number | undefined
}

/** The sample of a template's header, uploaded by the Resumable Upload API. */
export interface TemplateUpload {
  /** As the upload was begun with it. */
  filename: string
  /** As the upload was begun with it. */
  mimeType: string
  /** Bytes, as the upload was begun with them. */
  size: number
  /** The bytes so far. */
  bytes: Buffer
  /** Once all bytes are there. */
  handle: string | undefined
}

/** A file of a Flow as the fake CDN holds it: encrypted. */
interface HeldFlowFile {
  encrypted: Buffer
  addedAt: number
}

/** The settings, media, requests and faults of one running fake API. */
export interface FakeApiState {
  readonly origin: string
  /** Where downloads are. */
  readonly mediaOrigin: string
  /** Where the encrypted files of Flows are. */
  readonly flowOrigin: string
  readonly accessToken: string
  readonly appSecret: string | undefined
  readonly requireProof: boolean
  readonly account: FakeAccount
  readonly now: () => number
  readonly urlLifetimeMs: number
  readonly mediaLifetimeMs: number
  /** Signs download URLs. */
  readonly urlSecret: Buffer
  /** By media id. */
  readonly media: Map<string, HeldMedia>
  /** By media id. */
  readonly flowFiles: Map<string, HeldFlowFile>
  readonly requests: RecordedRequest[]
  readonly uploads: KeptUpload[]
  readonly messages: KeptMessage[]
  /** By upload id. */
  readonly templates: Map<string, TemplateUpload>
  faults: CountedFault[]
}
