// Starts the Lambda bundle that BUNDLE names and lets it answer its first webhook.
import { createRequire } from 'node:module'
import { report } from './report.mjs'
import { event } from './webhook-event.mjs'

const { BUNDLE } = process.env
// As Lambda does: importing CommonJS would cost a search for its exports.
const { handler } = BUNDLE.endsWith('.cjs') ? createRequire(import.meta.url)(BUNDLE) : await import(BUNDLE)
const { statusCode } = await handler(event)
if (statusCode !== 200) throw new Error(`answered ${statusCode}`)
report()
