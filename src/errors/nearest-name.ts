/** Longer texts are no slips of the pen, and comparing takes the product of both lengths. */
const MAX_LENGTH = 40

/** Words that are in use for the same thing, and are alike in no letter. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  ...{ dir: 'directory', folder: 'directory', path: 'directory', root: 'directory', rootdir: 'directory' },
  ...{ id: 'accountId', tenant: 'accountId', tenantid: 'accountId', token: 'accessToken', secret: 'appSecret' },
}

/** Shorter names occur in many words by chance. */
const MIN_PART_LENGTH = 4

/**
 * The name that was probably meant: the one that takes the fewest slips (a letter too many, missing, wrong, or swapped
 * with its neighbour; case does not count), at most one for every three letters. Else, unless `slipsOnly`, another
 * word for it (`path` for `directory`), or one that holds the other as a part: `bucketName` for `bucket`.
 *
 * @returns undefined when none is near.
 */
export function findNearestName(
  given: string,
  names: readonly string[],
  { slipsOnly = false }: { slipsOnly?: boolean | undefined } = {},
): string | undefined {
  if (given.length > MAX_LENGTH) return undefined
  const wanted = given.toLowerCase()
  let nearest: string | undefined
  let fewest = Math.max(1, Math.floor(given.length / 3)) + 1
  for (const name of names) {
    const slips = countSlips(wanted, name.toLowerCase())
    if (slips >= fewest) continue
    nearest = name
    fewest = slips
  }
  if (nearest !== undefined || slipsOnly) return nearest
  const other = findOtherWord(given, names)
  if (other !== undefined) return other
  return names.find((name) => isPart(name.toLowerCase(), wanted) || isPart(wanted, name.toLowerCase()))
}

/** The name that another word stands for: `path` for `directory`. */
export function findOtherWord(given: string, names: readonly string[]): string | undefined {
  const wanted = given.toLowerCase()
  const other = Object.hasOwn(OTHER_WORDS, wanted) ? OTHER_WORDS[wanted] : undefined
  return other !== undefined && names.includes(other) ? other : undefined
}

function isPart(part: string, whole: string): boolean {
  return part.length >= MIN_PART_LENGTH && whole.includes(part)
}

/** The Damerau-Levenshtein distance, in its form without edits of swapped letters. */
function countSlips(from: string, to: string): number {
  let before: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, at) => at)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let at = 1; at <= to.length; at++) {
      const isSame = from[row - 1] === to[at - 1]
      const isSwapped = row > 1 && at > 1 && from[row - 1] === to[at - 2] && from[row - 2] === to[at - 1]
      const others = [Number(current[at - 1]) + 1, Number(last[at]) + 1, Number(last[at - 1]) + (isSame ? 0 : 1)]
      current.push(Math.min(...others, isSwapped ? Number(before[at - 2]) + 1 : Number.POSITIVE_INFINITY))
    }
    before = last
    last = current
  }
  return Number(last[to.length])
}
