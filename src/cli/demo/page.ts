import { createHash } from 'node:crypto'
import type { RequestListener } from 'node:http'
import type { ArchivedMedia } from '../../archive.js'

/** One archived media item and a URL that reads it. */
export interface PageItem {
  media: ArchivedMedia
  url: string
}

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; color-scheme: light dark; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1.5rem; list-style: none; padding: 0 }
li { border: 1px solid #8888; border-radius: .5rem; padding: 1rem; overflow: hidden }
img, video { display: block; max-width: 100%; max-height: 15rem; margin: 0 auto 1rem }
audio { width: 100%; margin-bottom: 1rem }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0 1rem; margin: 0; font-size: .875rem }
dd { margin: 0; overflow-wrap: anywhere }
`

/** Answers with the page. Each request signs new URLs: they are never kept. */
export function createPageListener(options: {
  archived: readonly ArchivedMedia[]
  sign: (media: ArchivedMedia) => Promise<string>
}): RequestListener {
  const { archived, sign } = options
  return (_request, response) => {
    const answer = async (): Promise<void> => {
      const items = await Promise.all(archived.map(async (media) => ({ media, url: await sign(media) })))
      const { headers, body } = buildMediaPage(items)
      response.writeHead(200, headers).end(body)
    }
    // Credentials for signing may have ended meanwhile.
    answer().catch(() => response.writeHead(500, { 'content-type': 'text/plain' }).end('Internal Server Error'))
  }
}

/**
 * A plain page with all items: pictures, sound and video in place, documents as links. It has no script, and its policy
 * allows none: a sender's file name or caption is only text.
 */
export function buildMediaPage(items: readonly PageItem[]): { headers: Record<string, string>; body: string } {
  const origins = [...new Set(items.map(({ url }) => new URL(url).origin))].join(' ')
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
    `img-src ${origins}`,
    `media-src ${origins}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]
  return {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy.join('; '),
      'cache-control': 'no-store',
      // The storage must not learn the page's address.
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
    body: `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Archived media</title>
<style>${STYLE}</style>
<h1>Archived media</h1>
<p>${items.length} files, shown through signed URLs that were made for this page.</p>
<ul>
${items.map(buildListItem).join('\n')}
</ul>
</html>
`,
  }
}

function buildListItem({ media, url }: PageItem): string {
  const { mediaType, mimeType, size, sha256, key, filename, caption } = media
  const facts = { type: mimeType, size: `${size.toLocaleString('en')} B`, key, 'SHA-256': sha256, filename, caption }
  const rows = Object.entries(facts).flatMap(([name, value]) =>
    value === undefined ? [] : [`<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`],
  )
  return `<li>${buildPreview(mediaType, escapeHtml(url))}<dl>${rows.join('')}</dl></li>`
}

function buildPreview(mediaType: ArchivedMedia['mediaType'], url: string): string {
  switch (mediaType) {
    case 'image':
    case 'sticker':
      return `<img src="${url}" alt="${mediaType}">`
    case 'video':
      return `<video src="${url}" controls preload="metadata"></video>`
    case 'audio':
      return `<audio src="${url}" controls preload="metadata"></audio>`
    case 'document':
      return `<p><a href="${url}">Download</a></p>`
  }
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}
