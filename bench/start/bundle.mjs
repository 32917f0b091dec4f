// Starts the Lambda bundle that BUNDLE names and lets it answer its first webhook.
import { report } from './report.mjs'
import { event } from './webhook-event.mjs'

const { handler } = await import(process.env.BUNDLE)
const { statusCode } = await handler(event)
if (statusCode !== 200) throw new Error(`answered ${statusCode}`)
report()
