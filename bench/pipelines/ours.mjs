// This library, as built: archiveMedia into createS3Storage with the client of its own.
import { archiveMedia } from '../../dist/index.js'
import { createS3Storage } from '../../dist/storage/s3.js'
import { CREDENTIALS, REGION } from '../sigv4.mjs'

export function open({ source, sink }) {
  const storage = createS3Storage({ bucket: 'bench', region: REGION, endpoint: sink, credentials: CREDENTIALS })
  const cloudApi = { baseUrl: source, mediaHosts: [source] }
  return {
    async archive(id) {
      const { integrity, alreadyStored } = await archiveMedia(id, {
        storage,
        accountId: 'bench',
        accessToken: 'bench',
        mediaType: 'document',
        timestamp: new Date(),
        cloudApi,
        attempts: 1,
      })
      if (integrity !== 'announced' || alreadyStored) throw new Error(`${integrity}, already stored: ${alreadyStored}`)
    },
    close: () => storage.close(),
  }
}
