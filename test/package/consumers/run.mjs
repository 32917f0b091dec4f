// As an ES module. Arguments: further entry points to load, such as `storage/s3`.
import { createRequire } from 'node:module'
import * as root from 'whatsapp-media-archive'
import * as fileSystem from 'whatsapp-media-archive/storage/file-system'
import * as memory from 'whatsapp-media-archive/storage/memory'
import * as testing from 'whatsapp-media-archive/testing'
import check from './check.cjs'

const others = await Promise.all(process.argv.slice(2).map((entry) => import(`whatsapp-media-archive/${entry}`)))
const commonJs = createRequire(import.meta.url)('whatsapp-media-archive')
await check({ root, memory, fileSystem, testing, others, copies: [root, commonJs] })
