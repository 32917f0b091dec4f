// This library with an S3 client that the app made itself: the SDK sends the PUT.
import { archiveMedia } from '../../dist/index.js'
import { createS3Storage } from '../../dist/storage/s3.js'
import { createS3Client } from './s3-client.mjs'

export function open({ source, sink, concurrency }) {
  const client = createS3Client({ sink, concurrency, requestChecksumCalculation: 'WHEN_REQUIRED' })
  const storage = createS3Storage({ bucket: 'bench', client })
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
    close: () => client.destroy(),
  }
}
