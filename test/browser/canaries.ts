import { readFileSync } from 'node:fs'

/** A file that runs a script wherever a browser takes it for what it can be. */
export interface Canary {
  name: string
  /** The type under which browsers run it. */
  runsAs: string
  bytes: Buffer
}

const PHOTO = readFileSync(new URL('../../samples/photo.jpg', import.meta.url))
const SVG = 'xmlns="http://www.w3.org/2000/svg" width="9" height="9"'
const XHTML = 'http://www.w3.org/1999/xhtml'

/** @param ranUrl where a script that runs reports `{canary}#{container}`, and waits for the answer */
export function canaries(ranUrl: string): Canary[] {
  const canary = (name: string, runsAs: string, write: (script: string) => string | Buffer): Canary => ({
    name,
    runsAs,
    bytes: Buffer.from(write(script(ranUrl, name))),
  })
  return [
    canary('html', 'text/html', (js) => `<!doctype html><title>quiet</title><script>${js}</script>`),
    canary('html late', 'text/html', (js) => `\ufeff \n<!--${'x'.repeat(5_000)}--><body onload="${js}">`),
    canary('html in UTF-16', 'text/html', (js) => Buffer.from(`\ufeff<script>${js}</script>`, 'utf16le')),
    canary('svg', 'image/svg+xml', (js) => `<svg ${SVG}><script>${js}</script></svg>`),
    canary(
      'svg late',
      'image/svg+xml',
      (js) => `<?xml version="1.0"?><!-- x --><s:svg xmlns:s=${SVG.slice(6)} onload="${js}"/>`,
    ),
    canary('xhtml', 'application/xhtml+xml', (js) => `<html xmlns="${XHTML}"><script>${js}</script></html>`),
    canary('xml', 'text/xml', (js) => `<?xml version="1.0"?><x xmlns:h="${XHTML}"><h:script>${js}</h:script></x>`),
    canary('gif and html', 'text/html', (js) => `GIF89a\x01\0\x01\0<script>${js}</script>`),
    canary('jpeg and html', 'text/html', (js) => withComment(PHOTO, `<script>${js}</script>`)),
    canary('pdf and html', 'text/html', (js) => `%PDF-1.4\n<script>${js}</script>`),
    canary(
      'html in parts',
      'text/html',
      (js) => `--b\r\nContent-Type: text/html\r\n\r\n<script>${js}</script>\r\n--b--\r\n`,
    ),
  ]
}

/** Without `<`, `&` and `"`, so that it stands in any markup. The request ends before the page can be loaded. */
function script(ranUrl: string, name: string): string {
  return (
    `var x=new XMLHttpRequest();x.open('GET','${ranUrl}/'+encodeURIComponent('${name}'+location.hash),false);` +
    `document.documentElement.setAttribute('data-ran','');try{x.send()}catch(e){}`
  )
}

/** ITU T.81, B.2.4.5: a comment segment right after the first marker. */
function withComment(jpeg: Buffer, comment: string): Buffer {
  const header = Buffer.from([0xff, 0xfe, 0, 0])
  header.writeUInt16BE(comment.length + 2, 2)
  return Buffer.concat([jpeg.subarray(0, 2), header, Buffer.from(comment), jpeg.subarray(2)])
}

/** The containers that run scripts in what they show; `img` never does. The empty name is a tab. */
export const RUNNERS = ['', 'iframe', 'object', 'object-as-html', 'embed', 'embed-as-svg']

/** What a page can put a URL into, each with its name as the fragment. */
export function containers(url: string): string {
  const as = (name: string): string => `"${url.replaceAll('&', '&amp;')}#${name}"`
  return `
    <iframe src=${as('iframe')}></iframe>
    <object data=${as('object')}></object>
    <object data=${as('object-as-html')} type="text/html"></object>
    <embed src=${as('embed')}>
    <embed src=${as('embed-as-svg')} type="image/svg+xml">
    <img src=${as('img')}>`
}
