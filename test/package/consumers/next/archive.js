// The archive of a Next.js app: jobs in its database (files here), archived after the answer, re-driven by a cron job.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { after } from 'next/server'
import { createMediaArchive } from 'whatsapp-media-archive'
import { createDeferredQueue } from 'whatsapp-media-archive/queues/deferred'
import { createFileSystemStorage } from 'whatsapp-media-archive/storage/file-system'
import { createWebhookHandler } from 'whatsapp-media-archive/webhook'

const folder = process.env.ROWS_DIRECTORY
const store = {
  async save(jobs) {
    await mkdir(folder, { recursive: true })
    for (const job of jobs) {
      await writeFile(`${folder}/${job.id}.tmp`, JSON.stringify(job))
      await rename(`${folder}/${job.id}.tmp`, `${folder}/${job.id}.json`)
    }
  },
  async remove(ids) {
    for (const id of ids) await rm(`${folder}/${id}.json`, { force: true })
  },
  async findDue({ now, limit }) {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json'))
    const rows = await Promise.all(names.map(async (name) => JSON.parse(await readFile(`${folder}/${name}`, 'utf8'))))
    return rows.filter(({ dueAt }) => dueAt <= now).slice(0, limit)
  },
}
let app

/** Made at the first request: `next build` loads this file, too, without the settings. */
export function getApp() {
  app ??= createApp()
  return app
}

function createApp() {
  const { LEASE_SECONDS, FILES_DIRECTORY, WHATSAPP_ACCESS_TOKEN: accessToken } = process.env
  const { CLOUD_API, WHATSAPP_APP_SECRET: appSecret, WHATSAPP_VERIFY_TOKEN: verifyToken } = process.env
  const queue = createDeferredQueue({ store, waitUntil: after, leaseSeconds: Number(LEASE_SECONDS) })
  const archive = createMediaArchive({
    storage: createFileSystemStorage({ directory: FILES_DIRECTORY, durable: false }),
    accounts: () => ({ accountId: 'acme', accessToken }),
    cloudApi: JSON.parse(CLOUD_API),
    queue,
  })
  return { queue, handler: createWebhookHandler({ appSecret, verifyToken, onMedia: archive.enqueue }) }
}
