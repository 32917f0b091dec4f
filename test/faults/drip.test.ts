import { setTimeout as wait } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createS3Storage } from '../../src/storage/s3.js'
import { uploadToS3 } from '../../src/upload.js'
import { createFaultProxy } from '../fault-proxy.js'
import { createS3StandIn } from './s3-stand-in.js'

/** Without this a fault that should last ends by itself: later tries find the object. */
it('a dripping request ends with its client, and the store keeps nothing of it', async () => {
  const s3 = await createS3StandIn()
  const proxy = await createFaultProxy(s3)
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
  const storage = createS3Storage({ bucket: 'media', region: 'eu-central-1', credentials, endpoint: proxy.origin })
  try {
    // The whole body would take 200 ms more than the client waits.
    proxy.next({ method: 'PUT', drip: 'request', bytes: 5_000 })
    const timeouts = { storageMs: 200 }
    await expect(uploadToS3(Buffer.alloc(40_000), { storage, key: 'k', timeouts })).rejects.toMatchObject({
      code: 'timeout',
    })
    await wait(600)
    expect(s3.objects.size).toBe(0)
  } finally {
    await proxy.close()
    await s3.close()
    await storage.close?.()
  }
})
