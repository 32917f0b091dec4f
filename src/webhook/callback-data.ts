/** The media that a message was sent with. */
export interface SentMediaTag {
  /** Meta's id of the media. */
  mediaId: string
  /** The name of the id in a cache of media ids. Absent where there was none. */
  cacheKey?: string | undefined
}

/** Meta takes an arbitrary string of 256 bytes (Meta: Messages API, biz_opaque_callback_data). */
const MOST_CALLBACK_DATA = 256

/** How the media stands at the end of the data. */
const TAG = /(?:^|\n)wma1:([\w-]{1,64})(?::([\w:./+-]{1,180}))?$/

/**
 * Writes what a message carries to its statuses: the caller's own text, then the media. It survives a restart, and holds
 * nothing of a person. What has another form, or no room, is left out.
 *
 * @returns undefined when there is neither.
 */
export function formatCallbackData(own: string | undefined, media: SentMediaTag | undefined): string | undefined {
  if (media === undefined) return own
  const head = own === undefined ? '' : `${own}\n`
  const { mediaId, cacheKey } = media
  const short = `wma1:${mediaId}`
  const long = cacheKey === undefined ? short : `${short}:${cacheKey}`
  const tag = [long, short].find((each) => TAG.test(each) && head.length + each.length <= MOST_CALLBACK_DATA)
  return tag === undefined ? own : `${head}${tag}`
}

/** What `formatCallbackData` wrote. Data of another program is the caller's own. */
export function parseCallbackData(data: string): {
  callbackData?: string | undefined
  media?: SentMediaTag | undefined
} {
  const [tag, mediaId, cacheKey] = TAG.exec(data) ?? []
  if (tag === undefined || mediaId === undefined) return { callbackData: data }
  const media = cacheKey === undefined ? { mediaId } : { mediaId, cacheKey }
  return tag.startsWith('\n') ? { callbackData: data.slice(0, data.length - tag.length), media } : { media }
}
