import { describeSecret, describeValue } from './errors/describe.js'
import { InvalidOptionError } from './errors.js'
import { isObject, toObject } from './json.js'
import { checkMediaId, isMediaType, parseTime } from './key.js'
import type { FailedReference } from './media-archive/media-failure.js'
import type { MediaReference } from './media-reference.js'
import type { ExtractedMedia } from './webhook/extract.js'

/*
 * Media as callers and queues give it, which is JSON that anyone may have made: types prove nothing about it. Errors name
 * the field, and show no value that may be personal.
 */

type FieldCheck = (value: unknown, option: string) => void

const aString: FieldCheck = (value, option) => {
  if (typeof value !== 'string')
    throw new InvalidOptionError({ option, problem: `must be a string, got ${describeSecret(value)}` })
}

const aTime: FieldCheck = (value, option) => {
  if (typeof value !== 'string')
    throw new InvalidOptionError({ option, problem: `must be a string, got ${describeValue(value)}` })
  parseTime(option, value)
}

const aFlag: FieldCheck = (value, option) => {
  if (typeof value !== 'boolean')
    throw new InvalidOptionError({ option, problem: `must be a boolean, got ${describeValue(value)}` })
}

const maybe =
  (check: FieldCheck): FieldCheck =>
  (value, option) => {
    if (value !== undefined) check(value, option)
  }

const FIELD_CHECKS: Readonly<Record<keyof MediaReference, FieldCheck>> = {
  mediaId(value, option) {
    if (typeof value !== 'string') {
      throw new InvalidOptionError({ option, problem: `must be a string, got ${describeSecret(value)}` })
    }
    checkMediaId(value, option)
  },
  mediaType(value, option) {
    if (isMediaType(value)) return
    const problem = `must be image, video, audio, document or sticker, got ${describeValue(value)}`
    throw new InvalidOptionError({ option, problem })
  },
  mimeType: aString,
  sha256: maybe((value, option) => {
    if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return
    throw new InvalidOptionError({ option, problem: `must be 64 lowercase hex digits, got ${describeValue(value)}` })
  }),
  filename: maybe(aString),
  caption: maybe(aString),
  voice: maybe(aFlag),
  animated: maybe(aFlag),
  downloadUrl: maybe(aString),
  downloadUrlExpiresAt: maybe(aString),
  messageId: aString,
  timestamp: aTime,
  receivedAt: aTime,
  from: maybe(aString),
  fromUserId: maybe(aString),
  phoneNumberId: aString,
  businessAccountId: aString,
  // A worker of an older version meets words that it does not know, and loses nothing by them.
  direction: aString,
  origin: aString,
}

/** @throws InvalidOptionError that names the field, below `option`, unless it is a sound `MediaReference`. */
export function checkReference(media: unknown, option = 'media'): asserts media is MediaReference {
  if (!isObject(media)) {
    throw new InvalidOptionError({ option, problem: `must be a MediaReference, got ${describeSecret(media)}` })
  }
  for (const [name, check] of Object.entries(FIELD_CHECKS)) check(media[name], `${option}.${name}`)
}

/** The problem that a check finds. */
export function problemIn(check: () => void): InvalidOptionError | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    /* v8 ignore if -- @preserve no check throws anything else; what is not ours must still pass */
    if (!(error instanceof InvalidOptionError)) throw error
    return error
  }
}

/**
 * What can be told of a reference that may have been refused: what is unsound is left out, and the two ids are strings in
 * any case.
 */
export function soundPartOf(media: unknown): FailedReference {
  const { downloadUrl, downloadUrlExpiresAt, ...told } = toObject(media)
  const sound = Object.entries(told).filter(([name, value]) => isSound(name, value))
  // Every field that is there has passed its check.
  return { messageId: '', mediaId: '', ...Object.fromEntries(sound) } as FailedReference
}

function isSound(name: string, value: unknown): boolean {
  const checks: Readonly<Record<string, FieldCheck>> = FIELD_CHECKS
  const check = Object.hasOwn(checks, name) ? checks[name] : undefined
  return problemIn(() => check?.(value, name)) === undefined
}

/**
 * One reference, several, or what `extractMedia` found, as the last. What a caller made is checked as a whole, before
 * anything is done with it; what was found in a webhook is checked item by item, by whoever takes it up.
 *
 * @throws InvalidOptionError
 */
export function asExtracted(given: unknown): ExtractedMedia {
  if (isExtracted(given)) return given
  if (Array.isArray(given)) {
    for (const [index, each] of given.entries()) checkReference(each, `media[${index}]`)
    return { media: given, unavailable: [], revoked: [] }
  }
  checkReference(given)
  return { media: [given], unavailable: [], revoked: [] }
}

function isExtracted(given: unknown): given is ExtractedMedia {
  if (!isObject(given) || !('unavailable' in given)) return false
  for (const name of ['media', 'unavailable', 'revoked']) {
    const items = given[name]
    if (!Array.isArray(items)) {
      throw new InvalidOptionError({ option: `media.${name}`, problem: `must be a list, got ${describeSecret(items)}` })
    }
    const odd = name === 'media' ? -1 : items.findIndex((item) => !isObject(item))
    if (odd >= 0) {
      throw new InvalidOptionError({
        option: `media.${name}[${odd}]`,
        problem: `must be an object, got ${describeSecret(items[odd])}`,
      })
    }
  }
  return true
}
