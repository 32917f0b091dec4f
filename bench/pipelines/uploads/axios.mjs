// axios with form-data at its best setting: lengths are known, nothing is kept for redirects, and files come in large
// pieces.
import { createReadStream } from 'node:fs'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { Readable } from 'node:stream'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import axios from 'axios'
import FormData from 'form-data'
import { BUCKET, createS3Client } from '../s3-client.mjs'
import { bufferOf, fileOf, keyOf, MIME_TYPE, nameOf, PHONE_NUMBER_ID } from './media.mjs'

/** Node's own 65,536 cost it half as much again, and whole files in memory more. */
const FILE_READ = { highWaterMark: 524_288 }
const CUT = 1_048_576

function* cut(buffer) {
  for (let at = 0; at < buffer.length; at += CUT) yield buffer.subarray(at, at + CUT)
}

export function open({ source, sink, kind, isCut = false, ...options }) {
  const client = createS3Client({ sink: source, ...options })
  const [httpAgent, httpsAgent] = [new HttpAgent({ keepAlive: true }), new HttpsAgent({ keepAlive: true })]
  const api = axios.create({ httpAgent, httpsAgent, maxRedirects: 0, maxBodyLength: Number.POSITIVE_INFINITY })
  const sources = {
    buffer: (size) => (isCut ? Readable.from(cut(bufferOf(size)), { objectMode: false }) : bufferOf(size)),
    file: (size) => createReadStream(fileOf(size), FILE_READ),
    object: async (size) => (await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: keyOf(size) }))).Body,
  }
  return {
    async archive(_id, size) {
      const body = await sources[kind](size)
      const form = new FormData()
      form.append('messaging_product', 'whatsapp')
      form.append('type', MIME_TYPE)
      form.append('file', body, { filename: nameOf(size), contentType: MIME_TYPE, knownLength: size })
      const headers = { ...form.getHeaders(), 'content-length': form.getLengthSync(), authorization: 'Bearer bench' }
      await api.post(`${sink}/v25.0/${PHONE_NUMBER_ID}/media`, form, { headers })
    },
    close() {
      httpAgent.destroy()
      httpsAgent.destroy()
      client.destroy()
    },
  }
}
