// The entries as CommonJS.
exports.root = require('whatsapp-media-archive')
exports.http = require('whatsapp-media-archive/http')
exports.inProcess = require('whatsapp-media-archive/queues/in-process')
exports.fileSystem = require('whatsapp-media-archive/storage/file-system')
exports.memory = require('whatsapp-media-archive/storage/memory')
exports.s3 = require('whatsapp-media-archive/storage/s3')
exports.testing = require('whatsapp-media-archive/testing')
exports.webhook = require('whatsapp-media-archive/webhook')
