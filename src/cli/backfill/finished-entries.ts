/**
 * The finished entries of an input, by their place in it: a bit for each entry, and a sum for each block, by which another
 * input than the journal's is found out.
 */
export interface FinishedEntries {
  /** @returns false when it is there already. `check` is below 2^40, the same for the same entry. */
  add(place: number, check: number): boolean
  /**
   * Asked once for each place, in order.
   *
   * @returns whether the entry is finished.
   * @throws RangeError when the entries of the block are not those that were added.
   */
  take(place: number, check: number): boolean
  /** Whether finished entries of this place's block are still to be taken: until then the input may be another one. */
  isAwaited(place: number): boolean
  /** Entries that have not been taken. */
  left(): number
}

interface Block {
  bits: Buffer
  /** Of the checks of all entries that are in. */
  sum: number
  left: number
}

/** So many checks below 2^40 still have an exact sum. */
const BLOCK_ENTRIES = 1_024

export function createFinishedEntries(): FinishedEntries {
  const blocks = new Map<number, Block>()
  const find = (place: number): { number: number; byte: number; bit: number } => {
    const within = place % BLOCK_ENTRIES
    return { number: Math.floor(place / BLOCK_ENTRIES), byte: within >> 3, bit: 1 << (within & 7) }
  }

  return {
    add(place, check) {
      const { number, byte, bit } = find(place)
      const block = blocks.get(number) ?? { bits: Buffer.alloc(BLOCK_ENTRIES / 8), sum: 0, left: 0 }
      const bits = block.bits.readUInt8(byte)
      if ((bits & bit) !== 0) return false
      blocks.set(number, block)
      block.bits.writeUInt8(bits | bit, byte)
      block.sum += check
      block.left++
      return true
    },
    take(place, check) {
      const { number, byte, bit } = find(place)
      const block = blocks.get(number)
      if (block === undefined || (block.bits.readUInt8(byte) & bit) === 0) return false
      block.sum -= check
      block.left--
      if (block.left > 0) return true
      if (block.sum !== 0) throw new RangeError('other entries than those that were finished')
      blocks.delete(number)
      return true
    },
    isAwaited: (place) => blocks.has(find(place).number),
    left: () => [...blocks.values()].reduce((sum, { left }) => sum + left, 0),
  }
}
