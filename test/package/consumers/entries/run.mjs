// As an ES module. Arguments: further entry points to load, such as `storage/s3`.
import { createRequire } from 'node:module'
import * as root from 'whatsapp-media-archive'
import * as errors from 'whatsapp-media-archive/errors'
import * as http from 'whatsapp-media-archive/http'
import * as fileIds from 'whatsapp-media-archive/media-ids/file'
import * as memoryIds from 'whatsapp-media-archive/media-ids/memory'
// For authors of storages, queues and caches: types, mostly.
import 'whatsapp-media-archive/media-ids'
import 'whatsapp-media-archive/queues'
import * as inProcess from 'whatsapp-media-archive/queues/in-process'
import 'whatsapp-media-archive/storage'
import * as fileSystem from 'whatsapp-media-archive/storage/file-system'
import * as memory from 'whatsapp-media-archive/storage/memory'
import * as testing from 'whatsapp-media-archive/testing'
import * as webhook from 'whatsapp-media-archive/webhook'
import check from './check.cjs'

const given = await Promise.all(process.argv.slice(2).map((entry) => import(`whatsapp-media-archive/${entry}`)))
const others = [fileIds, http, inProcess, memoryIds, webhook, ...given]
const commonJs = createRequire(import.meta.url)('whatsapp-media-archive')
await check({ root, errors, memory, fileSystem, testing, others, copies: [root, commonJs] })
