// This library, as built: uploadMediaToWhatsApp from a buffer, a file, or an object of createS3Storage.
import { createReadStream } from 'node:fs'
import { uploadMediaToWhatsApp } from '../../../dist/index.js'
import { createS3Storage } from '../../../dist/storage/s3.js'
import { CREDENTIALS, REGION } from '../../sigv4.mjs'
import { bufferOf, fileOf, keyOf, MIME_TYPE, nameOf, PHONE_NUMBER_ID } from './media.mjs'

export function open({ source, sink, kind }) {
  const storage = createS3Storage({ bucket: 'bench', region: REGION, endpoint: source, credentials: CREDENTIALS })
  const sources = {
    buffer: (size) => ({ body: bufferOf(size) }),
    file: (size) => ({ body: createReadStream(fileOf(size)), size }),
    object: (size) => ({ storage, key: keyOf(size) }),
  }
  const options = { phoneNumberId: PHONE_NUMBER_ID, accessToken: 'bench', cloudApi: { baseUrl: sink }, attempts: 1 }
  return {
    async archive(_id, size) {
      await uploadMediaToWhatsApp({ ...sources[kind](size), mimeType: MIME_TYPE, filename: nameOf(size) }, options)
    },
    close: () => storage.close(),
  }
}
