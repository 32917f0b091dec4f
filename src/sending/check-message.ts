import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkFlag, checkText } from '../errors/checks.js'
import { describeSecret } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import type { MediaType } from '../media-reference.js'
import type { MessageMedia } from './choose-media.js'

/** To whom a message goes: exactly one of the three. */
export type MessageRecipient =
  | {
      /** The phone number, with its country code: `+15550001111`. */
      to: string
      /** Absent beside `to`. */
      recipient?: never
      /** Absent beside `to`. */
      group?: never
    }
  | {
      /** Absent beside `recipient`. */
      to?: never
      /** The business-scoped user id, of customers who hide their number: `IN.2081978709342942`. */
      recipient: string
      /** Absent beside `recipient`. */
      group?: never
    }
  | {
      /** Absent beside `group`. */
      to?: never
      /** Absent beside `group`. */
      recipient?: never
      /** The id of a group of this phone number. */
      group: string
    }

/** What a message with media says beside its media. */
export interface MessageParts {
  /** The text below it: at most 1,024 characters, for images, videos and documents (Meta: Messages API). Default: none. */
  caption?: string | undefined
  /** The name that the recipient sees, for documents. Default: the source's own. */
  filename?: string | undefined
  /** True: a voice note, of Ogg with Opus. Default false. */
  voice?: boolean | undefined
  /** The id of the message that it answers. Default: none. */
  replyTo?: string | undefined
  /**
   * A word of yours that the message's statuses bring back, such as the id of your row: at most 64 characters of ASCII. All
   * apps that are subscribed to the account see it, so it must name nobody. Default: none.
   */
  callbackData?: string | undefined
}

/** A message with media. */
export type OutboundMessage = MessageRecipient &
  MessageParts & {
    /** What is sent: see `MessageMedia`. */
    media: MessageMedia
  }

const MESSAGE_FIELDS: OptionNames<OutboundMessage> = {
  ...{ to: true, recipient: true, group: true, media: true, caption: true, filename: true, voice: true },
  ...{ replyTo: true, callbackData: true },
}

/** Meta: Messages API, "Media object". */
const MOST_CAPTION = 1_024

/** How each kind of recipient looks, and what to say of another form. */
const RECIPIENTS = {
  to: [/^\+?\d(?:[\s().-]{0,2}\d){5,16}$/, 'a phone number with its country code, 6 to 17 digits'],
  // A parent id has one part more (Meta: Business-scoped user ids).
  recipient: [
    /^[A-Z]{2}\.(?:[A-Z]{1,8}\.)?[A-Za-z0-9]{1,128}$/,
    'a business-scoped user id, such as IN.2081978709342942',
  ],
  group: [/^[\w.:=@+/-]{1,256}$/, 'the id of a group'],
} as const

const RECIPIENT_NAMES = ['to', 'recipient', 'group'] as const

/**
 * Checks all of a message but its media, and what depends on the kind of that.
 *
 * @throws InvalidOptionError
 */
export function checkMessage(message: unknown): asserts message is OutboundMessage {
  checkOptions(message, MESSAGE_FIELDS, { option: 'message' })
  const given = new Map<string, unknown>(Object.entries(message).filter(([, value]) => value !== undefined))
  const names = RECIPIENT_NAMES.filter((name) => given.has(name))
  const [name] = names
  if (name === undefined || names.length > 1) {
    const got = names.length === 0 ? 'none' : names.join(' and ')
    throw new InvalidOptionError({
      option: 'message.to',
      problem: `or recipient or group must be there alone, got ${got}`,
    })
  }
  checkPattern(`message.${name}`, given.get(name), RECIPIENTS[name])
  for (const each of ['caption', 'filename'] as const)
    if (given.has(each)) checkText(`message.${each}`, given.get(each))
  if (given.has('voice')) checkFlag('message.voice', given.get('voice'))
  if (given.has('replyTo'))
    checkPattern('message.replyTo', given.get('replyTo'), [/^[\x21-\x7e]{1,512}$/, "a message's id"])
  if (given.has('callbackData')) {
    const form = [/^[\x20-\x7e]{1,64}$/, '1 to 64 characters of ASCII'] as const
    checkPattern('message.callbackData', given.get('callbackData'), form)
  }
}

/** The value is personal, and shows as its length. */
function checkPattern(option: string, value: unknown, [form, what]: readonly [RegExp, string]): void {
  if (typeof value === 'string' && form.test(value)) return
  const isUserId = typeof value === 'string' && option === 'message.to' && RECIPIENTS.recipient[0].test(value)
  const advice = isUserId ? '; a business-scoped user id goes into recipient' : ''
  throw new InvalidOptionError({ option, problem: `must be ${what}, got ${describeSecret(value)}${advice}` })
}

const CAPTIONED: readonly MediaType[] = ['image', 'video', 'document']

/** Checks the parts of a message that only some kinds of media have. @throws InvalidOptionError */
export function checkParts(
  { caption = '', filename, voice }: Pick<OutboundMessage, 'caption' | 'filename' | 'voice'>,
  mediaType: MediaType,
): void {
  const refuse = (option: string, problem: string): never => {
    throw new InvalidOptionError({ option: `message.${option}`, problem })
  }
  if (caption !== '' && !CAPTIONED.includes(mediaType)) {
    refuse(
      'caption',
      `goes with images, videos and documents; send the text of this ${mediaType} as a message of its own`,
    )
  }
  // Letters beyond 16 bits count once.
  const { length } = [...caption]
  if (length > MOST_CAPTION) {
    refuse(
      'caption',
      `must have at most ${MOST_CAPTION} characters, got ${length}; send the rest as a message of its own`,
    )
  }
  if (filename !== undefined && mediaType !== 'document')
    refuse('filename', `goes with documents, not with ${mediaType}`)
  if (voice === true && mediaType !== 'audio') refuse('voice', `goes with audio, not with ${mediaType}`)
}
