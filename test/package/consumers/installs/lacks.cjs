const { check } = require('./check-lack.cjs')

check({
  lack: process.argv[2],
  ...require('whatsapp-media-archive'),
  ...require('whatsapp-media-archive/queues/sqs'),
  ...require('whatsapp-media-archive/storage/s3'),
})
