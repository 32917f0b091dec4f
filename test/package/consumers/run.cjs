// As CommonJS. Arguments: further entry points to load, such as `storage/s3`.
const root = require('whatsapp-media-archive')
const fileSystem = require('whatsapp-media-archive/storage/file-system')
const memory = require('whatsapp-media-archive/storage/memory')
const testing = require('whatsapp-media-archive/testing')
const check = require('./check.cjs')

require('whatsapp-media-archive/package.json')
const others = process.argv.slice(2).map((entry) => require(`whatsapp-media-archive/${entry}`))
// A failure is an unhandled rejection, which ends the process with 1.
void import('whatsapp-media-archive').then((esModule) =>
  check({ root, memory, fileSystem, testing, others, copies: [root, esModule] }),
)
