import { mkdtemp, rm } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { EnvConfig } from '../../config-from-env.js'
import { defined } from '../../json.js'
import { createFileSystemStorage, type FileSystemStorage } from '../../storage/file-system.js'
import { createS3Storage } from '../../storage/s3.js'
import type { ObjectStorage } from '../../storage.js'
import type { DemoServer } from './server.js'

/** The storage that the demo archives into. */
export interface DemoStorage {
  /** For people. */
  name: string
  /** What becomes of the objects when the demo ends. */
  end: string
  storage: ObjectStorage
  close(): Promise<void>
}

/** An S3 bucket. Archived objects stay there. */
export function openBucket({ region, endpoint, agent }: EnvConfig, bucket: string): DemoStorage {
  const storage = createS3Storage(defined({ bucket, region, endpoint, agent }))
  return {
    name: `bucket ${bucket}`,
    end: 'The objects stay in the bucket.',
    storage,
    close: async () => storage.close?.(),
  }
}

/** A folder that is removed when the demo ends; `server` answers its signed URLs. */
export async function openTemporaryFolder(server: DemoServer): Promise<DemoStorage> {
  const directory = await mkdtemp(join(tmpdir(), 'whatsapp-media-archive-demo-'))
  const storage = createFileSystemStorage({
    directory,
    baseUrl: `${server.origin}/files`,
    secret: 'only-for-the-demo-on-this-machine',
  })
  server.route('files', toNodeListener(storage.handler))
  return {
    name: directory,
    end: 'The folder is removed now.',
    storage,
    close: () => rm(directory, { recursive: true, force: true }),
  }
}

/** The storage's web-standard handler on Node's own server. */
function toNodeListener(handler: FileSystemStorage['handler']): RequestListener {
  return (request, response) => {
    const serve = async (): Promise<void> => {
      const { method, url, headers } = request
      const answer = await handler(
        new Request(`http://${headers.host}${url}`, {
          method: String(method),
          headers: defined({ range: headers.range }),
        }),
      )
      response.writeHead(answer.status, Object.fromEntries(answer.headers))
      if (answer.body === null) response.end()
      else await pipeline(answer.body, response)
    }
    // The reader has gone, or sent no valid web request.
    serve().catch(() => response.destroy())
  }
}
