import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { serveReader } from '../../src/download/serve-reader.js'
import { DownloadFailedError } from '../../src/errors.js'
import { checkTimeouts, startDeadlines } from '../../src/timing/deadlines.js'

it('a reader gets all bytes, also when what held them can not be given up', async () => {
  let released = 0
  const served = serveReader(
    {
      source: Readable.from([Buffer.from('bytes')]),
      media: { mediaId: '1', mediaType: 'document', mimeType: 'text/plain', size: 5 },
      maxBytes: 10,
      checkOpening: undefined,
      onSourceError: () => new DownloadFailedError({ host: 'a.test', problem: 'broke off' }),
      release() {
        released++
        return Promise.reject(new Error('EBUSY'))
      },
    },
    startDeadlines(checkTimeouts()),
  )
  expect(Buffer.from(await served.bytes()).toString()).toBe('bytes')
  expect(released).toBe(1)
})
