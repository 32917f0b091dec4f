/** How a store handles create-if-absent. It is never asked: the answer to each put shows it. */
export interface Conditions {
  /** How to put: with the condition, after a look, or both. */
  plan(ifAbsent: boolean): { isSent: boolean; looksFirst: boolean }
  /** The store answered 501. Whether that may have been the condition's fault, and the same put can work without it. */
  refuse(wasSent: boolean): boolean
  /** The store says that it created the object. Whether that is news: it seems to ignore the condition. */
  stored(key: string): boolean
  /** The key may be created again. */
  deleted(key: string): void
}

/** Enough for the redeliveries that come together; memory does not grow with the archive. */
const REMEMBERED_KEYS = 1_000

/**
 * - `trusted`: the condition goes with the put, and that is all.
 * - `doubted`: an object was created twice. Either the store ignores the condition, or somebody deleted the object in
 *   between: the condition still goes along, but a look comes first.
 * - `unsupported`: the store refuses the condition, or the options say that the store ignores it. Only the look is left.
 */
type State = 'trusted' | 'doubted' | 'unsupported'

export function createConditions(areSupported: boolean): Conditions {
  let state: State = areSupported ? 'trusted' : 'unsupported'
  const created = new Set<string>()
  return {
    plan: (ifAbsent) => ({
      isSent: ifAbsent && state !== 'unsupported',
      looksFirst: ifAbsent && state !== 'trusted',
    }),
    refuse(wasSent) {
      // Learnt for this process only: a restart asks again, for stores do gain the feature. And a 501 to a put without
      // the condition means something else, tags or a storage class: so the condition was not to blame.
      if (areSupported) state = wasSent ? 'unsupported' : 'trusted'
      return wasSent
    },
    stored(key) {
      const isNews = created.has(key) && state === 'trusted'
      if (isNews) state = 'doubted'
      created.add(key)
      const [oldest] = created
      if (created.size > REMEMBERED_KEYS && oldest !== undefined) created.delete(oldest)
      return isNews
    },
    deleted: (key) => void created.delete(key),
  }
}
