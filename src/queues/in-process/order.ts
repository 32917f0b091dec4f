/** What came first comes first, whenever it was put in: a heap by `place`. */
export interface Order<Item> {
  put(item: Item): void
  /** Takes out the item with the lowest place. */
  take(): Item | undefined
}

export function createOrder<Item extends { readonly place: number }>(): Order<Item> {
  const heap: Item[] = []
  const placeAt = (index: number): number => heap[index]?.place ?? Number.POSITIVE_INFINITY

  const rise = (item: Item, from: number): void => {
    let at = from
    for (let parent = (at - 1) >> 1; at > 0 && placeAt(parent) > item.place; parent = (at - 1) >> 1) {
      heap.copyWithin(at, parent, parent + 1)
      at = parent
    }
    heap[at] = item
  }

  const sink = (item: Item): void => {
    let at = 0
    for (;;) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      const child = placeAt(right) < placeAt(left) ? right : left
      if (placeAt(child) >= item.place) break
      heap.copyWithin(at, child, child + 1)
      at = child
    }
    heap[at] = item
  }

  return {
    put(item) {
      heap.push(item)
      rise(item, heap.length - 1)
    },
    take() {
      const [first] = heap
      const last = heap.pop()
      if (last !== undefined && heap.length > 0) sink(last)
      return first
    },
  }
}
