import { createWebhookHandler, toLambdaHandler } from '../../dist/webhook.js'
import { report } from './report.mjs'
import { APP_SECRET, event } from './webhook-event.mjs'

const handler = toLambdaHandler(createWebhookHandler({ appSecret: APP_SECRET, verifyToken: 'bench', onPayload() {} }))
const { statusCode } = await handler(event)
if (statusCode !== 200) throw new Error(`answered ${statusCode}`)
report()
