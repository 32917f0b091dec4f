/** WHATWG MIME Sniffing, section 7.1, and a few more that can run or load something. */
const HTML_TAGS: ReadonlySet<string> = new Set(
  (
    'html head script iframe h1 div font table a style title b body br p ' +
    'img form meta link object embed base span ul video audio math template'
  ).split(' '),
)

/** @param text begins with `<`, lower case */
export function guessMarkup(text: string): string | undefined {
  let root = text
  for (let close = findPrologEnd(root); close !== undefined; close = findPrologEnd(root)) {
    const end = root.indexOf(close)
    root = end < 0 ? '' : root.slice(end + close.length).trimStart()
  }
  const [, name = ''] = /^<(?:!doctype\s+)?([a-z][\w:.-]*)/.exec(root) ?? []
  if (name === 'svg' || name.endsWith(':svg')) return 'image/svg+xml'
  if (HTML_TAGS.has(name)) return 'text/html'
  if (text.startsWith('<?xml') || root.startsWith('<!doctype') || /\sxmlns[:=]/.test(root)) return 'text/xml'
  return root !== text || /<(?:script|svg|iframe|img|html|body)\b/.test(root) ? 'text/html' : undefined
}

/** The end of the comment or processing instruction that `text` begins with. */
function findPrologEnd(text: string): string | undefined {
  if (text.startsWith('<!--')) return '-->'
  return text.startsWith('<?') ? '?>' : undefined
}
