/**
 * "This message points at this media": what a webhook tells about one file, as plain JSON fit for any queue.
 * Times are ISO 8601 strings.
 */
export interface MediaReference {
  /** Meta's id of the media, an opaque string. It lives 7 days (Meta: Media). */
  mediaId: string
  mediaType: MediaType
  /**
   * As declared by the sender, parameters included: `audio/ogg; codecs=opus`. Empty when only the media id was kept: the
   * look-up tells it then.
   */
  mimeType: string
  /** Lowercase hex, whatever encoding the wire used. Absent when none, or none usable, was announced. */
  sha256?: string
  /** The sender's name for a document. Never part of the key. */
  filename?: string
  caption?: string
  /** A voice note rather than an audio file. */
  voice?: boolean
  /** An animated sticker. */
  animated?: boolean
  /** The webhook's own download URL; it dies 5 minutes after the message, and never reaches results or failures. */
  downloadUrl?: string
  downloadUrlExpiresAt?: string
  messageId: string
  /** When the message was sent. It decides the key's date and the retry deadline. */
  timestamp: string
  /** When the webhook reached us. */
  receivedAt: string
  /** The sender's phone number; absent for users who hide it behind a username. */
  from?: string
  /** The sender's business-scoped user id. */
  fromUserId?: string
  /** Meta's id of the business phone number the message went through. */
  phoneNumberId: string
  /** The WhatsApp Business Account. */
  businessAccountId: string
  direction: 'inbound' | 'outbound'
  origin: 'message' | 'edit' | 'echo' | 'history' | 'standby' | 'flow' | 'call-recording'
}

/** WhatsApp's kinds of media. `sticker` only ever comes from a webhook: no MIME type tells it from an image. */
export type MediaType = 'image' | 'video' | 'audio' | 'document' | 'sticker'
