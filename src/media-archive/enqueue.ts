import { describeSecret } from '../errors/describe.js'
import { type AnyWhatsAppMediaError, InvalidOptionError, MediaUnavailableError, WhatsAppMediaError } from '../errors.js'
import { describeSubject, emit, hashMessageId, type OnEvent, showTypeName } from '../events.js'
import { isObject } from '../json.js'
import { copyFields } from '../media-reference/copy-fields.js'
import { checkReference, findProblem, keepValidFields, type MediaReference } from '../media-reference.js'
import type { MediaJob, MediaQueue } from '../queues.js'
import type { ExtractedMedia, UnavailableMedia, UnavailableReason } from '../webhook/extract.js'
import type { Account } from './accounts.js'
import type { Callbacks } from './callbacks.js'
import { createMediaFailure, type MediaFailure } from './media-failure.js'

export interface EnqueueOptions {
  queue: MediaQueue | undefined
  callbacks: Callbacks
  onEvent: OnEvent | undefined
  signal: AbortSignal
}

/**
 * Makes a job of each media item, and hands all of them to the queue at once. Then `onFailed` hears of the items that no
 * job can be made of.
 *
 * @throws InvalidOptionError without a queue, and for anything but media; what the queue and the callbacks throw.
 */
export async function enqueueMedia(
  media: MediaReference | readonly MediaReference[] | ExtractedMedia,
  { queue, callbacks, onEvent, signal }: EnqueueOptions,
): Promise<void> {
  const found = toExtractedMedia(media)
  if (queue === undefined)
    throw new InvalidOptionError({ option: 'queue', problem: 'is needed to enqueue: give createMediaArchive one' })
  const findAccount = rememberAccounts((number) => callbacks.findAccount(number, signal))
  // All at once: one after the other, the numbers of a large webhook would outlast its time.
  const checked = found.media.map(checkItem)
  await Promise.all(listNumbers(checked, found.unavailable).map(findAccount))
  const jobs: MediaJob[] = []
  const failures: MediaFailure[] = []
  for (const item of checked) {
    const made = await makeJob(item, { findAccount, onEvent })
    if ('failure' in made) failures.push(made.failure)
    else jobs.push(made.job)
  }
  for (const item of found.unavailable) {
    const { reason, phoneNumberId } = item
    emit(onEvent, { type: 'media-unavailable', reason, phoneNumberId, ...describeSubject(item) })
    if (!IS_NO_FAILURE.has(reason)) failures.push(await failUnavailable(item, findAccount))
  }
  for (const { messageId, phoneNumberId } of found.revoked) {
    emit(onEvent, { type: 'message-revoked', messageIdHash: hashMessageId(messageId), phoneNumberId })
  }
  if (jobs.length > 0) await queue.enqueue(jobs)
  for (const failure of failures) await callbacks.reportFailed(failure, signal)
}

/** An account, or the reason why its number has none. */
type FoundAccount = { account: Account } | { error: AnyWhatsAppMediaError }

type FindAccount = (phoneNumberId: string) => Promise<FoundAccount>

/** Asks for each number once: a webhook may hold a thousand updates of one number. */
function rememberAccounts(ask: (phoneNumberId: string) => Promise<Account>): FindAccount {
  const known = new Map<string, Promise<FoundAccount>>()
  const find = async (phoneNumberId: string): Promise<FoundAccount> => {
    try {
      return { account: await ask(phoneNumberId) }
    } catch (error) {
      // A number without a valid account must not hold up the others of its webhook; a database that is down must.
      if (WhatsAppMediaError.is(error)) return { error }
      throw error
    }
  }
  return (phoneNumberId) => {
    const found = known.get(phoneNumberId) ?? find(phoneNumberId)
    known.set(phoneNumberId, found)
    return found
  }
}

/** A reference of a webhook, and what is wrong with it. */
interface CheckedItem {
  media: MediaReference
  problem: InvalidOptionError | undefined
}

function checkItem(media: MediaReference): CheckedItem {
  return { media, problem: findProblem(() => checkReference(media)) }
}

/** The numbers whose accounts are needed. */
function listNumbers(checked: readonly CheckedItem[], unavailable: readonly UnavailableMedia[]): string[] {
  const valid = checked.flatMap(({ media, problem }) => (problem === undefined ? [media] : []))
  const failed = unavailable.filter(({ reason }) => !IS_NO_FAILURE.has(reason))
  return [...valid, ...failed].map(({ phoneNumberId }) => phoneNumberId)
}

async function makeJob(
  { media, problem }: CheckedItem,
  { findAccount, onEvent }: { findAccount: FindAccount; onEvent: OnEvent | undefined },
): Promise<{ job: MediaJob } | { failure: MediaFailure }> {
  if (problem !== undefined) return { failure: createMediaFailure(keepValidFields(media), { error: problem }) }
  const { phoneNumberId, unknownType } = media
  if (unknownType !== undefined) {
    const shown = showTypeName(unknownType)
    emit(onEvent, { type: 'unknown-media-type', unknownType: shown, phoneNumberId, ...describeSubject(media) })
  }
  const found = await findAccount(phoneNumberId)
  if ('account' in found) return { job: { version: 1, accountId: found.account.accountId, media: copyFields(media) } }
  const { error } = found
  if (error.code === 'unknown-number') {
    emit(onEvent, { type: 'unknown-number', phoneNumberId, ...describeSubject(media) })
  }
  return { failure: createMediaFailure(media, { error }) }
}

/** An advertisement's picture is not part of the message, and a placeholder's media may still come. */
export const IS_NO_FAILURE: ReadonlySet<UnavailableReason> = new Set(['referral', 'placeholder'])

async function failUnavailable(media: UnavailableMedia, findAccount: FindAccount): Promise<MediaFailure> {
  const found = await findAccount(media.phoneNumberId)
  const accountId = 'account' in found ? found.account.accountId : undefined
  return createMediaFailure(media, { error: new MediaUnavailableError(media), accountId })
}

/**
 * One reference, several, or the result of `extractMedia`, as the last. References that a caller made are checked as a
 * whole, before anything is done with them; those of a webhook are checked item by item, where a job is made of each.
 *
 * @throws InvalidOptionError
 */
export function toExtractedMedia(given: unknown): ExtractedMedia {
  if (isExtractedMedia(given)) return given
  if (Array.isArray(given)) {
    for (const [index, each] of given.entries()) checkReference(each, `media[${index}]`)
    return { media: given, unavailable: [], revoked: [] }
  }
  checkReference(given)
  return { media: [given], unavailable: [], revoked: [] }
}

function isExtractedMedia(given: unknown): given is ExtractedMedia {
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
