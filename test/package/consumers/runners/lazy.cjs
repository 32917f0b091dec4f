// The root and the storage of S3 load no AWS package and no HTTP module before they are needed, in either module system.
const assert = require('node:assert/strict')

const loadEntry = process.argv[2] === 'import' ? (name) => import(name) : async (name) => require(name)

async function checkLate() {
  const root = await loadEntry('whatsapp-media-archive')
  const { createS3Storage } = await loadEntry('whatsapp-media-archive/storage/s3')
  createS3Storage({ bucket: 'media', region: 'us-east-1' })
  root.createMediaArchive({ storage: createS3Storage({ bucket: 'media' }), accounts: () => undefined })
  const http = process.moduleLoadList.filter((name) => /^NativeModule (?:https?|_http_client)$/.test(name))
  assert.deepEqual(http, [])
  assert.deepEqual(
    Object.keys(require.cache).filter((path) => /@aws-sdk|@smithy/.test(path)),
    [],
  )
}

void checkLate()
