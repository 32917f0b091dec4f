// SQS for tests, by fauxqs: state in memory, loopback only. Its S3 is not for use here: it ignores conditions.
//   node sqs-server.mjs --port 19107
import { parseArgs } from 'node:util'
import { buildApp } from 'fauxqs'

const { values } = parseArgs({ options: { port: { type: 'string' } } })
await buildApp({ logger: false }).listen({ port: Number(values.port), host: '127.0.0.1' })
