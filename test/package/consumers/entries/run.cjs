// As CommonJS. Arguments: further entry points to load, such as `storage/s3`.
const root = require('whatsapp-media-archive')
const errors = require('whatsapp-media-archive/errors')
const http = require('whatsapp-media-archive/http')
const fileIds = require('whatsapp-media-archive/media-ids/file')
const memoryIds = require('whatsapp-media-archive/media-ids/memory')
const inProcess = require('whatsapp-media-archive/queues/in-process')
const fileSystem = require('whatsapp-media-archive/storage/file-system')
const memory = require('whatsapp-media-archive/storage/memory')
const testing = require('whatsapp-media-archive/testing')
const webhook = require('whatsapp-media-archive/webhook')
const check = require('./check.cjs')

require('whatsapp-media-archive/package.json')
// For authors of storages, queues and caches: types, mostly.
require('whatsapp-media-archive/storage')
require('whatsapp-media-archive/queues')
require('whatsapp-media-archive/media-ids')
const given = process.argv.slice(2).map((entry) => require(`whatsapp-media-archive/${entry}`))
const others = [fileIds, http, inProcess, memoryIds, webhook, ...given]
// A failure is an unhandled rejection, which ends the process with 1.
void import('whatsapp-media-archive').then((esModule) =>
  check({ root, errors, memory, fileSystem, testing, others, copies: [root, esModule] }),
)
