// Lambda behind everything that calls it, through middy's JSON parser, and with Express inside by serverless-http.
import middy from '@middy/core'
import httpJsonBodyParser from '@middy/http-json-body-parser'
import express from 'express'
import serverless from 'serverless-http'
import { toLambdaHandler, toNodeHandler } from 'whatsapp-media-archive/webhook'
import { handler, tryParsed, tryWebhook } from './webhook.mjs'

const webhook = toLambdaHandler(handler)
const base64 = ({ body = '' }) => ({ body: Buffer.from(body).toString('base64'), isBase64Encoded: true })
const single = ({ query }) => Object.fromEntries(new URLSearchParams(query))
const multi = (record) => Object.fromEntries(Object.entries(record).map(([name, value]) => [name, [value]]))
const v2 = ({ method, query, headers, body }) => ({
  ...{ version: '2.0', rawPath: '/webhook', rawQueryString: query, headers, body, isBase64Encoded: false },
  requestContext: { http: { method, path: '/webhook', sourceIp: '127.0.0.1' } },
})
const v1 = ({ method, headers, body = null, ...rest }) => ({
  ...{ httpMethod: method, path: '/webhook', headers, multiValueHeaders: multi(headers), body, isBase64Encoded: false },
  ...{ queryStringParameters: single(rest), multiValueQueryStringParameters: multi(single(rest)), requestContext: {} },
})
const balancer = { requestContext: { elb: { targetGroupArn: 'arn' } }, path: '/webhook' }
const alb = ({ method, headers, body = '', ...rest }) => ({
  ...{ ...balancer, httpMethod: method, headers, queryStringParameters: single(rest), body, isBase64Encoded: false },
})
const albMulti = ({ method, headers, body = '', ...rest }) => ({
  ...{ ...balancer, httpMethod: method, multiValueHeaders: multi(headers), body, isBase64Encoded: false },
  multiValueQueryStringParameters: multi(single(rest)),
})
const forms = {
  'function URL and HTTP API': v2,
  'REST API and format 1.0': v1,
  ALB: alb,
  'ALB, several values': albMulti,
}

const call = (run, toEvent) => async (sent) => {
  const { statusCode, body, ...rest } = await run(toEvent(sent), {})
  if (toEvent === albMulti && !rest.multiValueHeaders)
    throw new Error('this load balancer reads multiValueHeaders alone')
  return { status: statusCode, text: rest.isBase64Encoded ? Buffer.from(body, 'base64').toString() : body }
}
for (const [name, form] of Object.entries(forms)) {
  await tryWebhook(name, call(webhook, form))
  await tryWebhook(`${name}, base64`, async (sent) => call(webhook, () => ({ ...form(sent), ...base64(sent) }))(sent))
}

await tryWebhook('middy', call(middy(webhook), v2))
const keepRaw = { before: ({ event }) => void Object.assign(event, { rawBody: event.body }) }
const lenient = httpJsonBodyParser({ disableContentTypeError: true })
const parsing = { before: (request) => (request.event.body ? lenient.before(request) : undefined) }
await tryWebhook('middy, JSON parser, text kept', call(middy(webhook).use(keepRaw).use(parsing), v2))
await tryParsed('middy, JSON parser', call(middy(webhook).use(parsing), v2), /In Lambda, .*httpJsonBodyParser/)

const app = express()
app.all('/webhook', toNodeHandler(handler))
for (const [name, form] of Object.entries({ v1, v2 }))
  await tryWebhook(`serverless-http, ${name}`, call(serverless(app), form))
