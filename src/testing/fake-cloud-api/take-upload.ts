import { createHash } from 'node:crypto'
import { getMediaTypeFromMime, readEssence } from '../../file-type/mime.js'
import type { RoutedExchange } from './exchange.js'
import { type IntendedAnswer, sendSpoilt, takeFault } from './faults.js'
import { makeUpId, toHeldMedia } from './media.js'
import { type FormPart, parseMultipartForm } from './multipart-form.js'
import { type GraphRefusal, makeTraceId, refuseStranger, sendRefusal } from './refusals.js'
import { readRequestBody } from './request-body.js'
import type { FakeApiState } from './state.js'

/** The types that an uploaded file may have (Meta: Media, "Supported media types"). */
const UPLOAD_TYPES: readonly string[] = [
  ...['audio/aac', 'audio/amr', 'audio/mpeg', 'audio/mp4', 'audio/ogg', 'audio/opus', 'text/plain', 'application/pdf'],
  ...['application/msword', 'application/vnd.ms-excel', 'application/vnd.ms-powerpoint'],
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  ...['image/jpeg', 'image/png', 'image/webp', 'video/mp4', 'video/3gpp'],
]

export const DEFAULT_PHONE_NUMBER_ID = '106540352242922'

/**
 * Takes an upload as Meta does: the form and the type of its file are checked, and sizes are not, which count when the
 * media is sent. A fault that breaks off after so many bytes counts those of the request.
 */
export async function takeUpload(
  exchange: RoutedExchange & { phoneNumberId: string },
  state: FakeApiState,
): Promise<void> {
  const { request, response, phoneNumberId } = exchange
  const fault = takeFault({ on: 'upload', mediaId: '' }, state.faults)
  if (fault?.kind === 'status') return sendSpoilt(response, toJsonAnswer({}), fault, makeTraceId())
  const { bytes: body, isWhole } = await readRequestBody(exchange, fault)
  if (!isWhole || refuseStranger(exchange, state)) return
  const { phoneNumberIds = [DEFAULT_PHONE_NUMBER_ID] } = state.account
  if (!phoneNumberIds.includes(phoneNumberId)) return sendRefusal(response, 400)
  const form = parseMultipartForm(String(request.headers['content-type']), body) ?? []
  const { refusal, fields, file } = checkForm(form)
  if (file === undefined) return sendRefusal(response, 400, refusal)
  const mediaId = keepUpload({ phoneNumberId, fields, file }, state)
  await sendSpoilt(response, toJsonAnswer({ id: mediaId }), fault, makeTraceId())
}

export function toJsonAnswer(json: object): IntendedAnswer {
  const bytes = Buffer.from(JSON.stringify(json))
  return {
    headers: { 'content-type': 'application/json; charset=UTF-8' },
    size: bytes.length,
    pieces: () => [bytes],
  }
}

type FormFilePart = FormPart & { filename: string }

function isFile(part: FormPart): part is FormFilePart {
  return part.name === 'file' && part.filename !== undefined
}

interface CheckedForm {
  fields: Record<string, string>
  /** Absent: the form is refused. */
  file?: FormFilePart | undefined
  refusal?: GraphRefusal | undefined
}

function checkForm(form: readonly FormPart[]): CheckedForm {
  const fields = Object.fromEntries(
    form.filter((part) => part.filename === undefined).map(({ name, bytes }) => [name, bytes.toString('utf8')]),
  )
  const file = form.find(isFile)
  const problem = findFormProblem(fields, file)
  if (problem === undefined) return { fields, file }
  return { fields, refusal: { message: `(#100) ${problem}`, type: 'OAuthException', code: 100 } }
}

function findFormProblem(fields: Readonly<Record<string, string>>, file: FormFilePart | undefined): string | undefined {
  const { messaging_product: product, type, ttl_minutes: ttl } = fields
  if (product !== 'whatsapp') return 'The parameter messaging_product is required.'
  if (type === undefined) return 'The parameter type is required.'
  if (file === undefined || file.bytes.length === 0) return 'The parameter file is required.'
  const isTaken = [type, file.mimeType].every((each) => UPLOAD_TYPES.includes(readEssence(each)))
  if (!isTaken) return `Param file must be a file with one of the following types: ${UPLOAD_TYPES.join(', ')}.`
  const isTtl = ttl === undefined || (/^\d+$/.test(ttl) && Number(ttl) >= 60 && Number(ttl) <= 43_200)
  return isTtl ? undefined : 'Param ttl_minutes must be a number from 60 to 43200.'
}

const MINUTE_MS = 60_000
const THIRTY_DAYS_MS = 2_592_000_000

function keepUpload(
  upload: { phoneNumberId: string; fields: Readonly<Record<string, string>>; file: FormFilePart },
  state: FakeApiState,
): string {
  const { phoneNumberId, fields, file } = upload
  const { mimeType, bytes } = file
  const mediaId = makeUpId()
  const { ttl_minutes: ttl } = fields
  const lifetimeMs = ttl === undefined ? THIRTY_DAYS_MS : Number(ttl) * MINUTE_MS
  const media = { bytes, mimeType, mediaType: getMediaTypeFromMime(mimeType), mediaId, phoneNumberId }
  state.media.set(mediaId, { ...toHeldMedia(media, state.now()), lifetimeMs })
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  state.uploads.push({ mediaId, phoneNumberId, fields, filename: file.filename, mimeType, bytes, sha256 })
  return mediaId
}
