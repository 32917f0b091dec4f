// A signed webhook with one text message, as a Function URL brings it.
import { createHmac } from 'node:crypto'

export const APP_SECRET = 'bench-app-secret'

const message = {
  from: '15550000000',
  id: 'wamid.bench',
  timestamp: '1790000000',
  type: 'text',
  text: { body: 'hello' },
}
const value = { messaging_product: 'whatsapp', metadata: { phone_number_id: '100000000000000' }, messages: [message] }
const body = JSON.stringify({
  object: 'whatsapp_business_account',
  entry: [{ id: '200000000000000', changes: [{ field: 'messages', value }] }],
})

export const event = {
  version: '2.0',
  rawPath: '/webhook',
  rawQueryString: '',
  headers: {
    'content-type': 'application/json',
    'x-hub-signature-256': `sha256=${createHmac('sha256', APP_SECRET).update(body).digest('hex')}`,
  },
  requestContext: { http: { method: 'POST', path: '/webhook' } },
  body,
  isBase64Encoded: false,
}
