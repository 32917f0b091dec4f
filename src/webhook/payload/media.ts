import {
  defined,
  findId,
  isObject,
  parseJson,
  parseSha256,
  readFlag,
  readObjects,
  readOwn,
  readString,
} from '../../json.js'
import type { MediaReference, MediaType } from '../../media-reference.js'

/** A media object as a message carries it. Without `mediaId` there is nothing to look up. */
export interface WebhookMedia
  extends Partial<
    Pick<
      MediaReference,
      'mediaId' | 'mimeType' | 'sha256' | 'filename' | 'caption' | 'voice' | 'animated' | 'downloadUrl' | 'unknownType'
    >
  > {
  /** Absent for the files of a Flow answer, and under a type that is unknown here: their MIME type decides. */
  mediaType?: MediaType | undefined
  /** Overrides the message's, where it says more. */
  origin?: 'edit' | 'flow' | undefined
}

/** The names of media types on the wire; on-premises senders called a voice note `voice`. */
const MEDIA_FIELDS: readonly (readonly [name: string, mediaType: MediaType])[] = [
  ['image', 'image'],
  ['video', 'video'],
  ['audio', 'audio'],
  ['voice', 'audio'],
  ['document', 'document'],
  ['sticker', 'sticker'],
]

/** The kind of media of an `unsupported` message, where its type is a kind of media; WhatsApp's GIFs are videos. */
export function findUnsupportedKind(unsupportedType: string | undefined): MediaType | undefined {
  return UNSUPPORTED_KINDS.get(unsupportedType)
}

const UNSUPPORTED_KINDS: ReadonlyMap<string | undefined, MediaType> = new Map([...MEDIA_FIELDS, ['gif', 'video']])

const MEDIA_NAMES: ReadonlySet<string> = new Set(MEDIA_FIELDS.map(([name]) => name))

/**
 * The media objects under their types' names; a declared type without its object is one without media id. An object
 * under a type that is unknown here, or each of its list, is media when it has a media object's id and MIME type or hash.
 */
export function readMediaObjects(message: unknown): WebhookMedia[] {
  const found: WebhookMedia[] = []
  if (!isObject(message)) return found
  const type = readOwn(message, 'type')
  for (const [name, mediaType] of MEDIA_FIELDS) {
    const wire = readOwn(message, name)
    if (isObject(wire) || type === name) found.push({ ...readMediaObject(wire, name), mediaType })
  }
  if (typeof type !== 'string' || MEDIA_NAMES.has(type)) return found
  const wire = readOwn(message, type)
  for (const each of Array.isArray(wire) ? wire : [wire]) {
    const media = readMediaObject(each, type)
    const isMedia = media.mediaId !== undefined && (media.mimeType ?? media.sha256) !== undefined
    if (isMedia) found.push({ ...media, unknownType: type })
  }
  return found
}

function readMediaObject(wire: unknown, name: string): WebhookMedia {
  const caption = readString(wire, 'caption')
  const voice = name === 'voice' || readFlag(wire, 'voice')
  const animated = readFlag(wire, 'animated')
  const downloadUrl = readString(wire, 'url')
  return { ...readFile(wire), ...defined({ caption, voice, animated, downloadUrl }) }
}

/**
 * The media in headers of a sent message: of a template and its carousel's cards (Meta: Templates, "Media card
 * carousel"), of an interactive message and its cards (Meta: Interactive media carousel messages). By id it has no
 * MIME type.
 */
export function readHeaderMedia(message: unknown): WebhookMedia[] {
  const interactive = readOwn(message, 'interactive')
  const template = readOwn(message, 'template')
  if (interactive === undefined && template === undefined) return []
  const components = readObjects(template, 'components')
  const cards = components.flatMap((component) => readObjects(component, 'cards'))
  const headers = [
    ...[...components, ...cards.flatMap((card) => readObjects(card, 'components'))].flatMap((component) =>
      readObjects(component, 'parameters'),
    ),
    readOwn(interactive, 'header'),
    ...readObjects(readOwn(interactive, 'action'), 'cards').map((card) => readOwn(card, 'header')),
  ]
  return headers.flatMap(readHeader)
}

/** A header's only content is its media or a text: what has an id is media, whatever its type. */
function readHeader(header: unknown): WebhookMedia[] {
  const found = readMediaObjects(header)
  const type = readString(header, 'type')
  if (found.length > 0 || type === undefined) return found
  const media = readMediaObject(readOwn(header, type), type)
  return media.mediaId === undefined ? found : [{ ...media, unknownType: type }]
}

function readFile(wire: unknown): WebhookMedia {
  return defined({
    mediaId: findId(wire, 'id'),
    mimeType: readString(wire, 'mime_type'),
    sha256: parseSha256(readOwn(wire, 'sha256')),
    filename: readString(wire, 'filename') ?? readString(wire, 'file_name'),
  })
}

/**
 * The files of a Flow's answer (Meta: Flows, "Media upload"). The pickers' names are the Flow author's, so files are
 * known by their shape: items of an array, with an id and a MIME type or a file name.
 */
export function readFlowFiles(message: unknown): WebhookMedia[] {
  const files: WebhookMedia[] = []
  const answer = readString(readOwn(readOwn(message, 'interactive'), 'nfm_reply'), 'response_json')
  // A list, not recursion: the answer may be nested as deep as its sender likes.
  // Address messages and old phones answer with other texts than JSON.
  const pending = answer === undefined ? [] : [parseJson(answer)]
  for (const value of pending) {
    if (typeof value !== 'object' || value === null) continue
    for (const item of Object.values(value)) {
      if (Array.isArray(value) && isFlowFile(item)) files.push(readFile(item))
      else if (typeof item === 'object') pending.push(item)
    }
  }
  return files
}

function isFlowFile(item: unknown): boolean {
  return (
    findId(item, 'id') !== undefined && (readString(item, 'mime_type') ?? readString(item, 'file_name')) !== undefined
  )
}
