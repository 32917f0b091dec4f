/** A text may be escaped so many times over. */
export const MOST_ESCAPES = 3

/** HTML's names for the characters of tokens, hashes and file names. */
const HTML_ENTITIES: Readonly<Record<string, string>> = {
  ...{
    amp: '&',
    lt: '<',
    gt: '>',
    quot: '"',
    apos: "'",
    nbsp: ' ',
    szlig: 'ß',
    oslash: 'ø',
    plus: '+',
    sol: '/',
    equals: '=',
  },
  ...{ period: '.', lowbar: '_', num: '#', percnt: '%', colon: ':', commat: '@', hyphen: '-', dash: '-' },
}
/** HTML's names for letters with an accent. */
const ACCENT = /&([a-z])(?:acute|caron|cedil|circ|grave|ring|tilde|uml);/gi

/** Undoes the escapes of JSON, JavaScript, URLs and HTML, in which servers repeat parts of a request. */
export function decodeNotations(text: string, charset: 'utf8' | 'latin1'): string {
  return text
    .replace(/\\u\{([0-9a-f]{1,6})\}/gi, (all, hex: string) => toCharacter(Number.parseInt(hex, 16)) ?? all)
    .replace(/\\u([0-9a-f]{4})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/(?:\\x[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replace(/\\x/gi, ''), 'hex').toString(charset))
    .replace(/\\(.)/g, '$1')
    .replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString(charset))
    .replace(/&#(x?)([0-9a-f]{1,6});?/gi, (all, x: string, digits: string) => {
      return toCharacter(Number.parseInt(digits, x === '' ? 10 : 16)) ?? all
    })
    .replace(ACCENT, '$1')
    .replace(/&([a-z]{2,6});/gi, (all, name: string) => HTML_ENTITIES[name.toLowerCase()] ?? all)
}

function toCharacter(code: number): string | undefined {
  return code <= 0x10_ff_ff ? String.fromCodePoint(code) : undefined
}
