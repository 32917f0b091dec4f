// fetch with FormData and a Blob. Files are read whole, for `openAsBlob` costs it a third more.
import { readFile } from 'node:fs/promises'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import { BUCKET, createS3Client } from '../s3-client.mjs'
import { bufferOf, fileOf, keyOf, MIME_TYPE, nameOf, PHONE_NUMBER_ID } from './media.mjs'

export function open({ source, sink, kind, ...options }) {
  const client = createS3Client({ sink: source, ...options })
  const sources = {
    buffer: bufferOf,
    file: (size) => readFile(fileOf(size)),
    async object(size) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: keyOf(size) }))
      return Body.transformToByteArray()
    },
  }
  return {
    async archive(_id, size) {
      const form = new FormData()
      form.append('messaging_product', 'whatsapp')
      form.append('type', MIME_TYPE)
      form.append('file', new Blob([await sources[kind](size)], { type: MIME_TYPE }), nameOf(size))
      const url = `${sink}/v25.0/${PHONE_NUMBER_ID}/media`
      const response = await fetch(url, { method: 'POST', headers: { authorization: 'Bearer bench' }, body: form })
      if (!response.ok) throw new Error(`status ${response.status}`)
      await response.json()
    },
    close: () => client.destroy(),
  }
}
