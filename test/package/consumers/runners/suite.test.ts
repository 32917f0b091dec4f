// ts-jest: TypeScript that becomes CommonJS. `readme-typed` is the README's test of an app.
// @ts-nocheck
import * as root from 'whatsapp-media-archive'
import * as http from 'whatsapp-media-archive/http'
import * as inProcess from 'whatsapp-media-archive/queues/in-process'
import * as fileSystem from 'whatsapp-media-archive/storage/file-system'
import * as memory from 'whatsapp-media-archive/storage/memory'
import * as s3 from 'whatsapp-media-archive/storage/s3'
import * as testing from 'whatsapp-media-archive/testing'
import * as webhook from 'whatsapp-media-archive/webhook'

import createCases = require('./cases.cjs')

import { testReadme } from './readme-typed'

const entries = { root, http, inProcess, fileSystem, memory, s3, testing, webhook }
it("the README's test of an app", testReadme)
for (const [name, run] of createCases(entries)) it(name, run)
