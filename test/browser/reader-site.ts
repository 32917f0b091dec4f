import { createServer } from 'node:http'

/** The app that readers use, on an origin of its own: pages, and a list of scripts that ran. */
export interface ReaderSite {
  /** `http://localhost:{port}`; media is on 127.0.0.1, another site. */
  origin: string
  /** The address of a page, or of any other file, with this content. */
  page(body: string | Buffer, contentType?: string): string
  /** What scripts call: `{ranUrl}/{who}`. */
  ranUrl: string
  /** Who called. */
  ran: Set<string>
  close(): Promise<void>
}

export async function startReaderSite(): Promise<ReaderSite> {
  const pages: { body: string | Buffer; contentType: string }[] = []
  const ran = new Set<string>()
  const server = createServer((request, response) => {
    const [, kind, name = ''] = String(request.url).split('/')
    const page = kind === 'page' ? pages[Number(name)] : undefined
    if (kind === 'ran') ran.add(decodeURIComponent(name))
    if (page === undefined) response.writeHead(kind === 'ran' ? 204 : 404).end()
    else response.writeHead(200, { 'content-type': page.contentType }).end(page.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const origin = `http://localhost:${typeof address === 'object' ? address?.port : ''}`
  return {
    origin,
    page: (body, contentType = 'text/html; charset=utf-8') => `${origin}/page/${pages.push({ body, contentType }) - 1}`,
    ranUrl: `${origin}/ran`,
    ran,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
