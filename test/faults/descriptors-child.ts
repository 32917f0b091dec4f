import { closeSync, openSync } from 'node:fs'
import { createSqsQueue } from '../../src/queues/sqs.js'
import { createS3Storage } from '../../src/storage/s3.js'
import { reference } from '../whole-reference.js'

/*
 * Makes one call while no file descriptor is left, and again when there are some. It is a process of its own, for Node's
 * memory of packages lasts as long as one.
 */

const endpoint = 'http://127.0.0.1:1'
const signing = { expiresIn: 60, contentType: 'image/jpeg', contentDisposition: 'inline' }
const storage = createS3Storage({ bucket: 'media', endpoint })
const queue = createSqsQueue({ queueUrl: `${endpoint}/1/media`, endpoint })

export const CALLS: Readonly<Record<string, () => Promise<unknown>>> = {
  head: () => storage.head('a/b.jpg'),
  sign: async () => storage.signedUrl?.('a/b.jpg', signing),
  enqueue: () => queue.enqueue([{ version: 1, accountId: 'acme', media: reference }]),
}

async function describe(call: () => Promise<unknown>): Promise<string> {
  try {
    await call()
    return 'done'
  } catch (error) {
    return String(Reflect.get(Object(error), 'reason'))
  }
}

const call = CALLS[process.argv[2] ?? '']
if (call !== undefined) {
  const held: number[] = []
  try {
    for (;;) held.push(openSync('/dev/null', 'r'))
  } catch {
    // None is left.
  }
  const first = await describe(call)
  for (const descriptor of held) closeSync(descriptor)
  process.stdout.write(JSON.stringify([first, await describe(call), await describe(call)]))
}
