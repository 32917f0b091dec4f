import type { StorageFailedError } from '../../errors.js'
import { CREDENTIAL_FAULTS } from '../../storage.js'
import { abortable } from '../../timing/abort.js'
import { isStorageFailure, makePassing } from './errors.js'

/** Has the provider of credentials asked again when a store refuses those that it gave. */
export interface CredentialRenewal {
  /**
   * Runs one call. A refused one is made once more when the provider has others by then; one that can't be repeated
   * fails with an error that is retryable.
   */
  run<T>(call: () => Promise<T>, options: RenewalOptions): Promise<T>
}

interface RenewalOptions {
  /** False for a body that is spent. */
  isRepeatable: boolean
  signal: AbortSignal | undefined
}

/**
 * A HEAD's 403 has no body that says why. On AWS it is also the answer for an object that is not there, to those who may
 * not list (AWS: HeadObject): the provider is asked no more often for it, in milliseconds.
 */
const UNCLEAR_INTERVAL_MS = 60_000

/** @param renew asks the provider anew, and says whether it gave others. */
export function createRenewal(
  renew: () => Promise<boolean>,
  now: () => number = () => performance.now(),
): CredentialRenewal {
  let renewals = 0
  let unclearAt = Number.NEGATIVE_INFINITY
  let pending: Promise<boolean> | undefined
  const ask = (): Promise<boolean> => {
    pending ??= renew()
      .catch(() => false)
      .finally(() => {
        pending = undefined
      })
    return pending
  }
  /** Of calls that were refused together, the first asks; those that come after find its answer. */
  const renewSince = async (seen: number): Promise<boolean> => {
    if (renewals > seen) return true
    const isNew = await ask()
    if (isNew) renewals++
    return isNew
  }
  /** Whether it is worth asking. The SDK's client and the puts keep credentials of their own: one may have older ones. */
  const mayBeStale = (error: unknown, seen: number): error is StorageFailedError => {
    if (!isStorageFailure(error)) return false
    if (isCredentialFault(error)) return true
    if (error.operation !== 'head' || error.status !== 403) return false
    if (renewals > seen || pending !== undefined) return true
    const at = now()
    if (at - unclearAt < UNCLEAR_INTERVAL_MS) return false
    unclearAt = at
    return true
  }

  return {
    async run(call, { isRepeatable, signal }) {
      const seen = renewals
      try {
        return await call()
      } catch (error) {
        if (!mayBeStale(error, seen) || !(await abortable(renewSince(seen), signal))) throw error
        if (isRepeatable) return call()
        throw makePassing(error, 'The credentials were renewed: the same call may succeed now')
      }
    },
  }
}

/** Whether one of those who keep credentials has got others. Another one may fail: the news counts. */
export async function renewEach(renewals: readonly (Promise<boolean> | undefined)[]): Promise<boolean> {
  const renewed = await Promise.allSettled(renewals)
  return renewed.some((each) => each.status === 'fulfilled' && each.value === true)
}

/** A HEAD's answer has no body that names a code; 400 is what S3 says of an expired token (AWS: Error responses). */
const REFUSED_HEAD: readonly unknown[] = [400, 401]

function isCredentialFault(error: StorageFailedError): boolean {
  return CREDENTIAL_FAULTS.includes(error.reason) || (error.operation === 'head' && REFUSED_HEAD.includes(error.status))
}

/** The parts of credentials that signatures are made of. */
interface SigningIdentity {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string | undefined
}

export function isSameIdentity(one: SigningIdentity, other: SigningIdentity): boolean {
  return (['accessKeyId', 'secretAccessKey', 'sessionToken'] as const).every((part) => one[part] === other[part])
}
