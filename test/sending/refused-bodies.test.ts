import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { createMediaArchive, sendMediaMessage, uploadMediaToWhatsApp, uploadTemplateMedia } from '../../src/index.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { phoneNumberId } from './start-api.js'

const mimeType = 'application/pdf'
const options = { phoneNumberId, accessToken: 'of-a-test' }
const wrong = (value: unknown) => value as never
const to = '+15550001111'
const archive = createMediaArchive({
  storage: createMemoryStorage(),
  accounts: () => ({ accountId: 'acme', accessToken: 'of-a-test' }),
})

// A file that is missing tells so at once, when nobody may be listening yet.
it.each<[string, (body: Readable) => Promise<unknown>]>([
  ['a recipient', (body) => sendMediaMessage({ to: 'x', media: { body, mimeType } }, options)],
  ['a part of a message', (body) => sendMediaMessage(wrong({ to, colour: 1, media: { body, mimeType } }), options)],
  ['a caption', (body) => sendMediaMessage({ to, caption: 'x'.repeat(1_025), media: { body, mimeType } }, options)],
  ['a number', (body) => sendMediaMessage({ to, media: { body, mimeType } }, { ...options, phoneNumberId: 'a b' })],
  ['no options', (body) => sendMediaMessage({ to, media: { body, mimeType } }, wrong(undefined))],
  ['an option', (body) => sendMediaMessage({ to, media: { body, mimeType } }, wrong({ ...options, colour: 1 }))],
  ['a part of the media', (body) => sendMediaMessage({ to, media: wrong({ body, mimeType, colour: 1 }) }, options)],
  ['a kind', (body) => sendMediaMessage({ to, media: { body, mimeType, mediaType: wrong('film') } }, options)],
  ['a link', (body) => sendMediaMessage({ to, media: wrong({ body, mimeType, by: 'link' }) }, options)],
  ['a MIME type', (body) => uploadMediaToWhatsApp({ body, mimeType: wrong(7) }, options)],
  ['a source', (body) => uploadMediaToWhatsApp(wrong({ body, mimeType, colour: 1 }), options)],
  ['a type to upload', (body) => uploadMediaToWhatsApp({ body, mimeType: 'text/html' }, options)],
  [
    'a sample',
    (body) => uploadTemplateMedia({ body, mimeType: wrong(7) }, { ...options, appId: '1', header: 'image' }),
  ],
  ['a recipient of an archive', (body) => archive.send({ to: 'x', media: { body, mimeType } }, { phoneNumberId })],
  ['media of an archive', (body) => archive.send({ to, media: wrong({ body, key: 'x' }) }, { phoneNumberId })],
  ['options of an archive', (body) => archive.send({ to, media: { body, mimeType } }, wrong(undefined))],
])('a stream of a call that is refused ends no process, and is closed: %s', async (_name, call) => {
  const body = new Readable({ read: () => {} })
  const refused = expect(call(body)).rejects.toMatchObject({
    name: expect.stringMatching(/^(?:InvalidOption|OutboundType)Error$/),
  })
  expect(() => body.emit('error', new Error('no such file'))).not.toThrow()
  await refused
  expect(body.destroyed).toBe(true)
})
