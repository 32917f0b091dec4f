// The part of SQS that the webhook needs: it takes batches of messages, and keeps their bodies.
const { createHash } = require('node:crypto')
const { createServer } = require('node:http')

module.exports = async function startSqs() {
  const bodies = []
  const server = createServer(async (request, response) => {
    const { Entries } = JSON.parse(Buffer.concat(await request.toArray()))
    const successful = Entries.map(({ Id, MessageBody }) => {
      bodies.push(MessageBody)
      return { Id, MessageId: Id, MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex') }
    })
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' })
    response.end(JSON.stringify({ Successful: successful, Failed: [] }))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    bodies,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}
