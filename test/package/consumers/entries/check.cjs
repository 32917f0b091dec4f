// What a consumer's program does, whichever module system loaded the entries: archives one media for real, and
// recognises this package's errors across its two copies.
const assert = require('node:assert/strict')

module.exports = async function check({ root, errors: classes, memory, fileSystem, testing, others, copies }) {
  for (const entry of [root, classes, memory, fileSystem, testing, ...others]) assert.ok(Object.keys(entry).length > 0)

  const api = await testing.createFakeCloudApi()
  const storage = memory.createMemoryStorage()
  const bytes = Buffer.from('%PDF-1.4 a contract')
  const { reference } = await api.addMedia({ mediaType: 'document', mimeType: 'application/pdf', bytes })
  const options = { storage, accountId: 'consumer', accessToken: api.accessToken, cloudApi: api.cloudApi }
  try {
    const archived = await root.archiveMedia(reference, options)
    assert.equal(archived.integrity, 'announced')
    assert.equal(archived.alreadyStored, false)
    assert.equal(archived.size, bytes.length)
    assert.equal(root.parseMediaKey(archived.key).accountId, 'consumer')
    const again = await root.archiveMedia(reference, options)
    assert.equal(again.alreadyStored, true)
    assert.equal(again.key, archived.key)
  } finally {
    await api.close()
  }

  // Entries of one copy share their classes; the two copies share a brand.
  const errors = copies.map(({ buildMediaKey }) => errorOf(() => buildMediaKey({ accountId: '../elsewhere' })))
  for (const error of errors) {
    assert.equal(error.code, 'invalid-option')
    assert.ok(root.WhatsAppMediaError.is(error), 'an error of each copy is recognised')
  }
  assert.ok(!root.WhatsAppMediaError.is(new Error('other')))
  assert.equal(errors.filter((error) => error instanceof root.WhatsAppMediaError).length, 1, 'there are two copies')
  const refusal = errorOf(() => fileSystem.createFileSystemStorage({ directory: '' }))
  assert.ok(refusal instanceof root.WhatsAppMediaError, 'an entry point shares its classes with the root')
  assert.ok(refusal instanceof classes.InvalidOptionError, 'and with the entry of the error classes')
}

function errorOf(action) {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
