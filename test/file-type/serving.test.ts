import { expect, it } from 'vitest'
import { decideServing } from '../../src/file-type/serving.js'

it.each([
  ['a picture', { mimeType: 'image/jpeg', extension: 'jpg' }, 'image/jpeg', 'inline'],
  ['a page', { mimeType: 'text/html', extension: 'html' }, 'application/octet-stream', 'attachment'],
  ['a picture by its extension alone', { extension: 'jpg' }, 'image/jpeg', 'inline'],
  ['a picture that few browsers show', { extension: 'heic' }, 'image/heic', 'attachment'],
  ['a video that none shows', { mimeType: 'video/3gpp', extension: '3gp' }, 'video/3gpp', 'attachment'],
  ['a sound', { extension: '3gp', isSound: true }, 'audio/3gpp', 'attachment'],
  ['a file of unknown extension', { extension: 'zzz' }, 'application/octet-stream', 'attachment'],
  ['a file without extension', { extension: undefined }, 'application/octet-stream', 'attachment'],
] as const)('decideServing serves %s by the allow-list', (_name, file, contentType, disposition) => {
  expect(decideServing({ ...file, filename: undefined })).toEqual({ contentType, contentDisposition: disposition })
})

it.each([
  ['inline', 'pdf', 'inline'],
  ['inline', 'jpg', 'inline'],
  ['inline', 'heic', 'inline'],
  ['inline', '3gp', 'inline'],
  ['inline', 'docx', 'attachment'],
  ['inline', 'html', 'attachment'],
  ['attachment', 'jpg', 'attachment'],
] as const)('decideServing answers the wish %s for %s with %s', (disposition, extension, decided) => {
  const { contentDisposition } = decideServing({ extension, filename: undefined, disposition })
  expect(contentDisposition).toBe(decided)
})

it('decideServing gives a name the extension of the key', () => {
  const served = decideServing({ mimeType: 'image/jpeg', extension: 'jpg', filename: 'holiday.exe' })
  expect(served.contentDisposition).toBe('inline; filename=holiday.exe.jpg')
})
