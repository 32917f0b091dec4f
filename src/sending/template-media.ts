import { Readable } from 'node:stream'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkOneOf } from '../errors/checks.js'
import { WhatsAppMediaError } from '../errors.js'
import { findProofFailure } from '../integrity/prove.js'
import { runWithBody } from '../upload/open-body.js'
import {
  callGraph,
  checkNodeId,
  createStrangeAnswerError,
  makeSendingPlan,
  runSending,
  SENDING_OPTIONS,
  type SendingAttempt,
  type SendingOptions,
} from './call-graph.js'
import { decideFormName } from './multipart.js'
import { type OutboundSource, readSource, type SourceReader } from './open-source.js'
import { findHeaderFormat, HEADERS, type OutboundFormat, type TemplateHeader } from './outbound-limits.js'
import { type OutboundFile, proveSource } from './prove-source.js'
import {
  buildResumableHeaders,
  buildSessionQuery,
  parseHandle,
  parseOffset,
  parseUploadAnswer,
  toOAuth,
} from './wire.js'

/** Options of `uploadTemplateMedia`. */
export interface TemplateMediaOptions extends SendingOptions {
  /** Meta's id of the app that the token belongs to: uploads of this kind are an app's, not a phone number's. */
  appId: string
  /** The kind of the template's header. A `gif` is a video without sound (Meta: Template components). */
  header: TemplateHeader
}

/** A sample that Meta holds for templates. */
export interface UploadedSample {
  /** For the example of a template's header. */
  handle: string
}

const TEMPLATE_OPTIONS: OptionNames<TemplateMediaOptions> = { appId: true, header: true, ...SENDING_OPTIONS }

/**
 * Uploads the sample file of a template's header, by Meta's Resumable Upload API, and returns its handle for the template
 * (Graph API: Resumable Upload). Type and size are checked first. A try that breaks off goes on where Meta says that it
 * ended. A stream is spooled first: to memory up to 1 MiB, then to a temporary file.
 *
 * @throws OutboundTypeError, OutboundLimitError before anything is sent; AccessTokenError, GraphApiError,
 * GraphUnreachableError, StorageFailedError, IntegrityMismatchError, TimeoutError, InvalidOptionError; a stream's own
 * error; the signal's reason when aborted.
 * @example
 * ```ts
 * import { uploadTemplateMedia } from 'whatsapp-media-archive'
 * import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
 *
 * const { accessToken, cloudApi, close } = await createFakeCloudApi()
 * const sample = { body: Buffer.from('%PDF-1.7 example'), mimeType: 'application/pdf' }
 * const options = { appId: '670843887433847', header: 'document', accessToken, cloudApi } as const
 * const { handle } = await uploadTemplateMedia(sample, options)
 * console.log(handle.length > 0) // true
 * await close()
 * ```
 */
export async function uploadTemplateMedia(
  source: OutboundSource,
  options: TemplateMediaOptions,
): Promise<UploadedSample> {
  return runWithBody(source, () => uploadSample(source, options))
}

async function uploadSample(source: OutboundSource, options: TemplateMediaOptions): Promise<UploadedSample> {
  const reader = readSource(source, { spoolsStreams: true })
  try {
    checkOptions(options, TEMPLATE_OPTIONS, { after: { source } })
    const { appId, header } = options
    checkNodeId('appId', appId)
    checkOneOf('header', header, HEADERS)
    const findFormat = (mimeType: string): OutboundFormat => findHeaderFormat(mimeType, header)
    if (reader.mimeType !== undefined) findFormat(reader.mimeType)
    const session: UploadSession = { appId, reader, findFormat, uploadId: undefined, sha256: undefined }
    return await runSending(makeSendingPlan(options), (attempt) => attemptTemplate(session, attempt))
  } finally {
    await reader.close()
  }
}

/** One upload, which several attempts may share. */
interface UploadSession {
  readonly appId: string
  readonly reader: SourceReader
  readonly findFormat: (mimeType: string) => OutboundFormat
  /** Meta's id of the upload, once it has begun. It holds a signature. */
  uploadId: string | undefined
  /** Of the file that it was begun with, where it is known. */
  sha256: string | undefined
}

async function attemptTemplate(session: UploadSession, attempt: SendingAttempt): Promise<UploadedSample> {
  const file = await proveSource(session.reader, session.findFormat, attempt)
  try {
    const offset = await askForOffset(session, file, attempt)
    session.uploadId ??= await beginSession(session, file, attempt)
    const body = Readable.from(skipBytes(file.proven.body, offset), { objectMode: false })
    const headers = buildResumableHeaders(offset, file.size - offset)
    const json = await callUpload(session.uploadId, attempt, { method: 'POST', headers, body })
    const handle = parseHandle(json)
    if (handle === undefined) throw createStrangeAnswerError(attempt, 'the answer holds no handle')
    return { handle }
  } catch (error) {
    throw findProofFailure(file.proven.body) ?? error
  } finally {
    file.proven.body.destroy()
  }
}

/** Where the upload goes on. One that Meta does not know any more begins anew. */
async function askForOffset(
  session: UploadSession,
  { size, sha256 }: OutboundFile,
  attempt: SendingAttempt,
): Promise<number> {
  const { uploadId } = session
  const isSame = session.sha256 === sha256
  session.sha256 = sha256
  if (uploadId === undefined) return 0
  try {
    const offset = parseOffset(await callUpload(uploadId, attempt, { method: 'GET', headers: {} }))
    // Half of an object that was replaced since must not be the beginning of another.
    if (offset !== undefined && offset <= size && isSame) return offset
  } catch (error) {
    const isUnknown = WhatsAppMediaError.is(error) && error.code === 'graph-api' && !error.retryable
    if (!isUnknown) throw error
  }
  session.uploadId = undefined
  return 0
}

async function beginSession(
  { appId, reader }: UploadSession,
  { format, size }: OutboundFile,
  attempt: SendingAttempt,
): Promise<string> {
  const { mimeType, extensions } = format
  const filename = decideFormName({ filename: reader.filename, extensions })
  const query = new URLSearchParams(buildSessionQuery({ filename, size, mimeType }))
  const secrets = [reader.filename, filename]
  const json = await callGraph({ method: 'POST', path: `${appId}/uploads?${query}`, headers: {}, secrets }, attempt)
  const uploadId = parseUploadAnswer(json)
  // It becomes a part of the next URL.
  if (uploadId !== undefined && /^upload:[\w.~%:=+-]+(?:\?[\w.~%:=+&-]*)?$/.test(uploadId)) return uploadId
  throw createStrangeAnswerError(attempt, 'the answer holds no upload id')
}

/** Calls of an upload carry the token in a form of their own (Graph API: Resumable Upload). */
function callUpload(
  uploadId: string,
  attempt: SendingAttempt,
  call: { method: 'GET' | 'POST'; headers: Readonly<Record<string, string>>; body?: Readable | undefined },
): Promise<unknown> {
  const authorization = toOAuth(attempt.download.cloudApi.buildAuthorization(attempt.accessToken))
  const headers = { ...authorization, ...call.headers }
  return callGraph({ ...call, path: uploadId, headers, secrets: [uploadId] }, attempt)
}

async function* skipBytes(body: Readable, count: number): AsyncGenerator<Uint8Array> {
  let left = count
  for await (const part of body) {
    const bytes: Uint8Array = part
    if (left < bytes.byteLength) yield bytes.subarray(left)
    left = Math.max(0, left - bytes.byteLength)
  }
}
