// fetch -> arrayBuffer -> SHA-256 -> PutObject.
import { download, lookUp } from './cloud-api.mjs'
import { createS3Client, putProven } from './s3-client.mjs'

export function open({ source, ...options }) {
  const client = createS3Client(options)
  return {
    async archive(id) {
      const { url, mime_type: mimeType, sha256 } = await lookUp(source, id)
      const body = Buffer.from(await (await download(url)).arrayBuffer())
      await putProven(client, { id, body, mimeType, sha256 })
    },
    close: () => client.destroy(),
  }
}
