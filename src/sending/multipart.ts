import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { cleanFilename, findSafeExtension } from '../file-type/filename.js'
import { findContentType } from '../file-type/mime.js'
import { muteBody } from '../http/feed-request.js'
import { GATHER_BYTES } from '../integrity/gather.js'

/** The file of a form. */
export interface FormFile {
  /** Any name: characters that break headers are left out, and it ends in one of the extensions. */
  filename: string | undefined
  mimeType: string
  extensions: readonly [string, ...string[]]
  /** Bytes. */
  size: number
}

/** A form of known length, but for the bytes of its file. */
export interface MultipartForm {
  /** The file's name in it. */
  filename: string
  headers: Readonly<Record<string, string>>
  /** The whole body, as the file's bytes come. It fails as they do. */
  wrap(body: Readable): Readable
}

/** Builds a form with one file, which comes last (RFC 7578). */
export function buildMultipart(fields: Readonly<Record<string, string>>, file: FormFile): MultipartForm {
  const boundary = `whatsapp-media-archive-${randomBytes(16).toString('hex')}`
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const filename = decideFormName(file)
  const disposition = `content-disposition: form-data; name="file"; filename="${filename}"`
  const head = Buffer.from(`${parts.join('')}--${boundary}\r\n${disposition}\r\ncontent-type: ${file.mimeType}\r\n\r\n`)
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  return {
    filename,
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': String(head.byteLength + file.size + tail.byteLength),
    },
    wrap: (body) => joinForm(head, body, tail),
  }
}

/** By events: an async iterator takes longer for a piece than the connection does. */
function joinForm(head: Uint8Array, body: Readable, tail: Uint8Array): Readable {
  let isBegun = false
  const form = new Readable({
    highWaterMark: GATHER_BYTES,
    read() {
      if (isBegun) {
        body.resume()
        return
      }
      isBegun = true
      form.push(head)
      body.on('data', (piece: Uint8Array) => {
        if (!form.push(piece)) body.pause()
      })
    },
    destroy(error, done) {
      body.destroy()
      done(error)
    },
  })
  body.once('end', () => {
    form.push(tail)
    form.push(null)
  })
  // A client of your own may look at the form too late.
  muteBody(form)
  body.on('error', (error) => form.destroy(error))
  if (body.errored !== null) form.destroy(body.errored)
  return form
}

/**
 * A name that ends in one of the extensions of its type. Meta sorts files by it: a voice note called `.mp4` is taken, and
 * fails with 131053 when it is sent.
 */
export function decideFormName({ filename = 'file', extensions }: Pick<FormFile, 'filename' | 'extensions'>): string {
  const name = cleanFilename(filename)
  const own = findSafeExtension(name)
  const [usual] = extensions
  if (own !== undefined && extensions.includes(own)) return name
  const isOfType = own !== undefined && findContentType(own) !== undefined
  const stem = isOfType ? name.slice(0, -own.length - 1) : name
  return cleanFilename(`${stem}.${usual}`, { extension: usual })
}
