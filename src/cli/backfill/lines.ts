/** One line of a text file. */
export interface Line {
  /** 1 for the first. */
  number: number
  /** Without its end; undefined when it is longer than it may be. */
  text: string | undefined
  /** Bytes from the file's start to behind the line's end. */
  end: number
  /** False for a last line without its end: its writer may have been stopped in the middle. */
  isWhole: boolean
}

const LINE_FEED = 10

/** The lines of a stream of any size. Memory holds one line of at most `maxBytes`; a longer one is passed over. */
export async function* readLines(
  source: AsyncIterable<Uint8Array>,
  { maxBytes }: { maxBytes: number },
): AsyncGenerator<Line, void, undefined> {
  let parts: Uint8Array[] = []
  let length = 0
  let number = 0
  let end = 0

  const keep = (part: Uint8Array): void => {
    length += part.byteLength
    end += part.byteLength
    if (length <= maxBytes) parts.push(part)
    else parts = []
  }
  const finish = (isWhole: boolean): Line => {
    const text = length <= maxBytes ? Buffer.concat(parts).toString('utf8') : undefined
    parts = []
    length = 0
    number++
    if (isWhole) end++
    // Editors on Windows put a mark before the first character.
    return { number, text: number === 1 ? text?.replace(/^\uFEFF/, '') : text, end, isWhole }
  }

  for await (const piece of source) {
    let from = 0
    for (let at = piece.indexOf(LINE_FEED); at >= 0; at = piece.indexOf(LINE_FEED, from)) {
      keep(piece.subarray(from, at))
      from = at + 1
      yield finish(true)
    }
    keep(piece.subarray(from))
  }
  if (length > 0) yield finish(false)
}
