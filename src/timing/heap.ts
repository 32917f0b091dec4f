/** Hands out the items that come first first, in any order of insertion. */
export interface Heap<Item> {
  put(item: Item): void
  /** Takes the first item out; undefined when there is none. */
  take(): Item | undefined
  readonly size: number
}

/** @param isBefore the order of two items, which must stay the same while both are in. */
export function createHeap<Item>(isBefore: (one: Item, other: Item) => boolean): Heap<Item> {
  const items: Item[] = []
  const isBeforeAt = (item: Item, index: number): boolean => {
    const other = items[index]
    return other === undefined || isBefore(item, other)
  }

  const rise = (item: Item, from: number): void => {
    let at = from
    for (let parent = (at - 1) >> 1; at > 0 && isBeforeAt(item, parent); parent = (at - 1) >> 1) {
      items.copyWithin(at, parent, parent + 1)
      at = parent
    }
    items[at] = item
  }

  const sink = (item: Item): void => {
    let at = 0
    for (;;) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      const next = items[right]
      const child = next !== undefined && isBeforeAt(next, left) ? right : left
      if (isBeforeAt(item, child)) break
      items.copyWithin(at, child, child + 1)
      at = child
    }
    items[at] = item
  }

  return {
    put(item) {
      items.push(item)
      rise(item, items.length - 1)
    },
    take() {
      const [first] = items
      const last = items.pop()
      if (last !== undefined && items.length > 0) sink(last)
      return first
    },
    get size() {
      return items.length
    },
  }
}
