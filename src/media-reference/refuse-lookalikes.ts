import { types } from 'node:util'
import { describeSecret } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { isObject } from '../json.js'

/** The things that are given in a reference's place, by names that they have. */
const LOOKALIKES: readonly { names: readonly string[]; is: string }[] = [
  { names: ['object', 'entry'], is: 'a webhook payload: give it extractMedia(payload)' },
  { names: ['media', 'unavailable'], is: 'the result of extractMedia: give each of its media' },
  { names: ['reference', 'mediaObject'], is: 'media of the fake API: give its reference' },
]

/**
 * Refuses what is no object, and objects that are known to be something else. Fields are not checked.
 *
 * @param options `wanted`: what was expected, with its article. @throws InvalidOptionError
 */
export function refuseLookalikes(
  media: unknown,
  { option, wanted }: { option: string; wanted: string },
): asserts media is Record<string, unknown> {
  const isCandidate = isObject(media) && !types.isPromise(media)
  // A reference may have fields of your own, of any name.
  if (isCandidate && 'mediaId' in media && !('mediaObject' in media)) return
  const like = isCandidate ? LOOKALIKES.find(({ names }) => names.every((name) => name in media)) : undefined
  if (isCandidate && like === undefined) return
  throw new InvalidOptionError({ option, problem: `must be ${wanted}, got ${like?.is ?? describeSecret(media)}` })
}
