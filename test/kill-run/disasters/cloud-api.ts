import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { onTestFinished } from 'vitest'
import { createFakeCloudApi, type FakeCloudApi } from '../../../src/testing/fake-cloud-api.js'
import { type ForgetfulNetwork, openForgetfulNetwork } from '../../forgetful-network.js'

/** A fake Cloud API behind a network that forgets connections, with a token that can be rotated. */
export interface RotatingCloudApi extends Pick<FakeCloudApi, 'addMedia' | 'fail' | 'cloudApi'> {
  network: ForgetfulNetwork
  /** From now on the token of before is refused. @returns the one that counts. */
  rotate(): string
  token(): string
}

export async function openCloudApi(): Promise<RotatingCloudApi> {
  let token = makeToken()
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => request.socket.resetAndDestroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const network = await openForgetfulNetwork(`http://127.0.0.1:${port}`)
  onTestFinished(async () => {
    await network.close()
    server.closeAllConnections()
    server.close()
  })
  // Its own fetch answers, so that its URLs lead through the network, too.
  const { origin } = network
  const api = await createFakeCloudApi({ origin })

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const isKnown = request.headers.authorization === `Bearer ${token}`
    const headers = { authorization: `Bearer ${isKnown ? api.accessToken : 'refused'}` }
    const {
      status,
      headers: answered,
      body,
    } = await api.fetch(`${origin}${request.url}`, { headers, redirect: 'manual' })
    response.writeHead(status, Object.fromEntries(answered))
    if (body === null) response.end()
    else await pipeline(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]), response)
  }
  return {
    ...{ network, addMedia: api.addMedia, fail: api.fail, cloudApi: api.cloudApi },
    token: () => token,
    rotate() {
      token = makeToken()
      return token
    },
  }
}

function makeToken(): string {
  return `EAAfake${randomBytes(24).toString('hex')}`
}
