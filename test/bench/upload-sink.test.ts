import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bytesAt } from '../../bench/media-bytes.mjs'
import { number, type Server, startServer } from '../../bench/processes.js'

const SIZE = 60_000
const media = Uint8Array.from(bytesAt(0, SIZE))

/** What the bench of uploads believes in: the sink takes whole forms with the right bytes only. */
describe('the Cloud API of the bench', () => {
  let sink: Server
  beforeAll(async () => {
    sink = await startServer('./upload-sink.mjs', { TLS_CERT: '', TLS_KEY: '' })
  })
  afterAll(() => sink.stop())

  const post = async (
    bytes: Uint8Array<ArrayBuffer>,
    { name = `${SIZE}.pdf`, token = 'bench', product = 'whatsapp', type = 'application/pdf' } = {},
  ): Promise<number> => {
    const form = new FormData()
    form.append('messaging_product', product)
    form.append('file', new Blob([bytes], { type }), name)
    const headers = { authorization: `Bearer ${token}` }
    return (await fetch(`${sink.origin}/v25.0/1/media`, { method: 'POST', headers, body: form })).status
  }
  const taken = async (): Promise<number[]> => {
    const counts = await sink.ask({ take: true })
    return ['objects', 'bytes', 'refused'].map((field) => number(counts, field))
  }

  it('takes a whole form with the right bytes', async () => {
    expect(await post(media)).toBe(200)
    expect(await taken()).toEqual([1, SIZE, 0])
  })

  it('refuses everything else', async () => {
    const wrong = media.slice()
    wrong[50_000] = (wrong[50_000] ?? 0) ^ 1
    const statuses = [
      await post(wrong),
      await post(media.slice(0, -1)),
      await post(Uint8Array.from([...media, 0])),
      await post(media, { name: 'file.pdf' }),
      await post(media, { token: 'other' }),
      await post(media, { product: 'other' }),
      await post(media, { type: 'text/plain' }),
    ]
    expect(new Set(statuses)).toEqual(new Set([400]))
    expect(await taken()).toEqual([0, 0, statuses.length])
  })
})
