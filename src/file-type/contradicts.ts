import { findUsualName, getMediaTypeFromMime, readEssence } from './mime.js'
import { ODF, OOXML } from './sniff.js'

/** Formats a type's honest files may have, its own first; then the type's names. */
const FORMATS: readonly (readonly [formats: string, types: string])[] = [
  ['jpeg', 'image/jpeg image/jpg image/pjpeg'],
  ['png', 'image/png image/apng image/x-png'],
  ['gif', 'image/gif'],
  ['webp', 'image/webp'],
  ['heif', 'image/heic image/heif image/avif image/heic-sequence image/heif-sequence'],
  ['tiff', 'image/tiff'],
  ['bmp', 'image/bmp image/x-ms-bmp image/x-bmp'],
  ['svg xml html gzip', 'image/svg+xml'],
  ['iso', 'video/mp4 audio/mp4 audio/x-m4a audio/m4a video/x-m4v video/quicktime'],
  ['iso', 'video/3gpp audio/3gpp video/3gp video/3gpp2 audio/3gpp2'],
  ['mpeg', 'audio/mpeg audio/mp3 audio/x-mp3 audio/x-mpeg'],
  // Phones call AAC and AMR in an MP4 file by the codec's name.
  ['mpeg iso', 'audio/aac audio/x-aac'],
  ['amr iso', 'audio/amr audio/amr-wb'],
  ['ogg', 'audio/ogg video/ogg application/ogg audio/opus'],
  ['matroska', 'video/webm audio/webm video/x-matroska video/matroska audio/x-matroska'],
  ['wav', 'audio/wav audio/x-wav audio/wave audio/vnd.wave'],
  ['flac', 'audio/flac audio/x-flac'],
  ['avi', 'video/x-msvideo video/avi video/msvideo'],
  ['mpeg-video', 'video/mpeg'],
  ['pdf', 'application/pdf application/x-pdf'],
  ['zip', 'application/zip application/x-zip-compressed application/x-zip'],
  ['zip', `${ODF}text ${ODF}spreadsheet ${ODF}presentation`],
  // With a password, the new Office types are the old container.
  ['zip ole', `${OOXML}wordprocessingml.document ${OOXML}spreadsheetml.sheet ${OOXML}presentationml.presentation`],
  ['ole zip rtf', 'application/x-cfb application/msword application/vnd.ms-excel application/vnd.ms-powerpoint'],
  ['rtf', 'application/rtf text/rtf'],
  ['gzip', 'application/gzip application/x-gzip'],
  ['7z', 'application/x-7z-compressed'],
  ['rar', 'application/vnd.rar application/x-rar-compressed application/x-rar'],
  ['html xml svg', 'text/html application/xhtml+xml'],
  ['xml html svg', 'text/xml application/xml'],
  ['script', 'application/x-sh text/x-sh text/x-shellscript'],
  ['exe', 'application/vnd.microsoft.portable-executable application/x-msdownload application/x-msdos-program'],
]

const FORMATS_BY_TYPE: ReadonlyMap<string, readonly string[]> = new Map(
  FORMATS.flatMap(([formats, types]) => types.split(' ').map((type) => [type, formats.split(' ')] as const)),
)

/** Every file of these formats begins with a signature that `sniff` knows: another beginning is another format. */
const SURE: readonly string[] = 'jpeg png gif webp heif ogg amr matroska pdf zip gzip 7z rar'.split(' ')
const RUNNABLE: readonly string[] = ['html', 'svg', 'script', 'exe']

/**
 * Whether the bytes belie the declared MIME type. Types in one container agree (ZIP and DOCX, audio and video in MP4,
 * Ogg or Matroska, old Office files), and so do unknown bytes, except for a type whose files all have a signature, such
 * as JPEG or PDF. Nothing contradicts `application/octet-stream` or a malformed type: they declare nothing.
 *
 * @param sniffed what `sniff` said about the file
 */
export function contradicts(declaredMimeType: string, sniffed: string | undefined): boolean {
  const declared = readEssence(declaredMimeType)
  if (declared === '' || declared === 'application/octet-stream') return false
  const expected = FORMATS_BY_TYPE.get(declared) ?? FORMATS_BY_TYPE.get(findUsualName(declared))
  if (sniffed === undefined) return SURE.includes(expected?.[0] ?? '')
  const [found = sniffed] = FORMATS_BY_TYPE.get(sniffed) ?? []
  if (expected !== undefined) return !expected.includes(found)
  if (declared.endsWith('+xml')) return !['xml', 'html', 'svg'].includes(found)
  return RUNNABLE.includes(found) || isOtherKind(declared, sniffed)
}

/** For a declared type without known formats: a picture that is no picture, sound or video that is neither, a text that is binary. */
function isOtherKind(declared: string, sniffed: string): boolean {
  const kind = getMediaTypeFromMime(declared)
  const found = getMediaTypeFromMime(sniffed)
  if (kind === 'document') return declared.startsWith('text/')
  return kind === 'image' ? found !== 'image' : found !== 'audio' && found !== 'video'
}
