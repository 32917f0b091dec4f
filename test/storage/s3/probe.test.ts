import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterEach, describe, expect, it } from 'vitest'
import { type ProbeCheckName, type ProbeOptions, type ProbeReport, probeS3 } from '../../../src/storage/s3.js'
import { createLyingStore, type Lie, type LyingStore } from '../lying-store.js'

const NAMES: readonly ProbeCheckName[] = [
  'write',
  'read',
  'head',
  'conditional-create',
  'checksum',
  'framing',
  'metadata',
  'response-overrides',
  'tags',
  'delete',
]

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
const PROVEN = 'archived means proven'
const ONE_OBJECT = 'exactly one object'

let store: LyingStore | undefined
afterEach(async () => {
  await store?.close()
  store = undefined
})

const probe = async (lies: readonly Lie[], options: ProbeOptions = {}): Promise<ProbeReport> => {
  store = await createLyingStore(...lies)
  return probeS3({ bucket: 'media', region: 'eu-central-1', endpoint: store.endpoint, credentials }, options)
}

/** The checks that did not work, as `name: verdict`. */
const troubles = ({ checks }: ProbeReport): string[] =>
  checks.filter(({ verdict }) => verdict !== 'works').map(({ name, verdict }) => `${name}: ${verdict}`)

const checkOf = ({ checks }: ProbeReport, name: ProbeCheckName) => checks.find((check) => check.name === name)

describe('probeS3', () => {
  it('finds nothing to say of an honest store, and leaves nothing there', async () => {
    const report = await probe([])
    expect(report).toMatchObject({ bucket: 'media', endpoint: store?.endpoint })
    expect(report.checks.map(({ name }) => name)).toEqual(NAMES)
    expect(troubles(report)).toEqual([])
    for (const check of report.checks) {
      expect(check).not.toHaveProperty('promise')
      expect(check.detail).toMatch(/^[A-Z].*\.$/)
    }
    expect(store?.objects.size).toBe(0)
  })

  it('reads and writes below its prefix only', async () => {
    const report = await probe([], { prefix: 'checks/of-ours/' })
    expect(troubles(report)).toEqual([])
    expect(store?.requests.length).toBeGreaterThan(15)
    for (const request of store?.requests ?? []) {
      expect(request).toMatch(/^(?:PUT|GET|HEAD|DELETE) \/media\/checks\/of-ours\/[0-9a-f-]{36}\/[a-z-]+(?:\?|$)/)
    }
  })

  it.each(['a/b/c/d/doctor/', `${'a'.repeat(129)}/doctor/`])('takes what keys may start with: %s', async (prefix) => {
    expect(troubles(await probe([], { prefix }))).toEqual([])
  })

  it.each<[Lie, string[], string | undefined]>([
    ['ignores the condition', ['conditional-create: ignored'], ONE_OBJECT],
    ['answers success and keeps the first', ['conditional-create: ignored'], `${PROVEN}; ${ONE_OBJECT}`],
    ['creates twice what is put twice at once', ['conditional-create: ignored'], ONE_OBJECT],
    ['answers 501 to the condition', ['conditional-create: refused'], ONE_OBJECT],
    ['answers 409 to the condition', ['conditional-create: failed'], ONE_OBJECT],
    ['refuses and overwrites', ['conditional-create: ignored'], ONE_OBJECT],
    ['ignores checksums', ['checksum: ignored'], PROVEN],
    ['refuses wrong checksums and keeps the body', ['checksum: ignored'], PROVEN],
    ['answers 500 to wrong checksums', ['checksum: failed'], PROVEN],
    ['stores chunk framing', ['framing: ignored'], undefined],
    ['keeps the encoding aws-chunked', ['framing: ignored'], undefined],
    ['refuses chunked bodies', ['framing: refused'], undefined],
    ['reports another size', ['head: failed'], ONE_OBJECT],
    ['finds nothing by HEAD', ['head: failed', 'metadata: ignored'], ONE_OBJECT],
    ['forbids HEAD', ['head: refused', 'metadata: skipped'], ONE_OBJECT],
    ['knows no HEAD', ['head: refused', 'metadata: skipped'], ONE_OBJECT],
    ['forgets metadata', ['metadata: ignored'], undefined],
    ['forgets types', ['metadata: ignored'], undefined],
    ['refuses metadata', ['metadata: refused'], undefined],
    ['ignores overrides', ['response-overrides: ignored'], 'safe to open, for objects that something else stored'],
    ['forbids signed URLs', ['response-overrides: refused'], undefined],
    ['spoils signed reads', ['response-overrides: failed'], undefined],
    ['forgets tags', ['tags: ignored'], undefined],
    ['knows no tags', ['tags: ignored'], undefined],
    ['refuses tags', ['tags: refused'], undefined],
    ['forbids tags to be read', ['tags: skipped'], undefined],
    ['deletes nothing', ['delete: ignored'], undefined],
    ['forbids DELETE', ['delete: refused'], undefined],
  ])('names a store that %s', async (lie, expected, promise) => {
    const report = await probe([lie])
    expect(troubles(report)).toEqual(expected)
    const named = report.checks.find(({ verdict }) => verdict !== 'works')
    expect(named?.promise).toBe(promise)
    if (!/DELETE|deletes/.test(lie)) expect(store?.objects.size).toBe(0)
  })

  it('takes the signature’s hash where a store knows no checksum header', async () => {
    const report = await probe(['knows no checksum header', 'forgets checksums'])
    expect(troubles(report)).toEqual([])
    expect(checkOf(report, 'checksum')?.detail).toContain('(HTTP 400 XAmzContentSHA256Mismatch), and leaves nothing')
  })

  it('needs no s3:ListBucket to see that a refused body leaves nothing', async () => {
    const report = await probe(['hides what is absent'])
    expect(troubles(report)).toEqual([])
    expect(checkOf(report, 'checksum')?.detail).toContain('leaves nothing')
  })

  it('names a store that changes bytes', async () => {
    const report = await probe(['changes bytes', 'forgets checksums'])
    expect(troubles(report)).toEqual([
      'read: failed',
      'conditional-create: ignored',
      'framing: failed',
      'response-overrides: failed',
    ])
    expect(checkOf(report, 'read')).toMatchObject({
      detail: 'Reading gives 70000 other bytes in place of the bytes that were put.',
      promise: PROVEN,
    })
  })

  it('names a store that finds nothing of what was put', async () => {
    const report = await probe(['finds nothing by GET'])
    expect(checkOf(report, 'read')).toEqual({
      name: 'read',
      verdict: 'failed',
      detail: 'Reading gives nothing in place of the bytes that were put.',
      promise: PROVEN,
    })
    expect(checkOf(report, 'response-overrides')).toMatchObject({ verdict: 'refused' })
  })

  it('names the price of a store that keeps neither checksum nor metadata', async () => {
    const report = await probe(['forgets metadata', 'forgets checksums'])
    expect(troubles(report)).toEqual(['metadata: ignored'])
    expect(checkOf(report, 'metadata')?.promise).toBe('exactly one object, at the price of reading')
    expect(checkOf(report, 'metadata')?.detail).toContain('metadata, the recorded SHA-256')
  })

  it('distinguishes absent from forbidden where reading is forbidden', async () => {
    expect(troubles(await probe(['forbids GET']))).toEqual([
      'read: refused',
      'conditional-create: skipped',
      'checksum: skipped',
      'framing: skipped',
      'response-overrides: refused',
    ])
  })

  it('skips the rest where nothing can be written', async () => {
    const report = await probe(['forbids PUT'])
    expect(report.checks.map(({ verdict }) => verdict)).toEqual(['refused', ...Array(8).fill('skipped'), 'works'])
    expect(checkOf(report, 'write')?.detail).toContain('HTTP 403 AccessDenied')
  })

  it('gives up on a store that never answers', async () => {
    const report = await probe(['never answers'], { timeoutMs: 50 })
    expect(checkOf(report, 'write')).toEqual({
      name: 'write',
      verdict: 'failed',
      detail: 'The store did not answer within 50 ms.',
    })
  })

  it('gives verdicts on an address where nobody is, and on missing credentials', async () => {
    store = await createLyingStore()
    const { endpoint } = store
    const poor = () => Promise.reject(Object.assign(new Error('none'), { name: 'CredentialsProviderError' }))
    const region = 'eu-central-1'
    const without = await probeS3({ bucket: 'media', region, endpoint, credentials: poor })
    expect(checkOf(without, 'write')?.detail).toContain('fails (CredentialsProviderError)')
    const nowhere = await probeS3({ bucket: 'media', region, endpoint: 'http://127.0.0.1:1', credentials })
    expect(checkOf(nowhere, 'write')).toMatchObject({
      verdict: 'failed',
      detail: 'A plain PUT with length and SHA-256 fails (ECONNREFUSED). Nothing can be archived here.',
    })
  })

  it('says that the signed URL’s endpoint is out of reach', async () => {
    store = await createLyingStore()
    const options = { bucket: 'media', region: 'x', endpoint: store.endpoint, credentials }
    const gone = await createLyingStore()
    await gone.close()
    const report = await probeS3({ ...options, publicEndpoint: gone.endpoint })
    expect(checkOf(report, 'response-overrides')).toMatchObject({
      verdict: 'failed',
      detail: expect.stringContaining('fails (ECONNREFUSED)'),
    })
    expect(troubles(report)).toEqual(['response-overrides: failed'])
    const fetch = async () => Promise.reject(Object.assign(new Error('x'), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }))
    const distrusted = await probeS3(options, { fetch })
    expect(checkOf(distrusted, 'response-overrides')?.detail).toContain('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  })

  it('gives a verdict on a signer that fails', async () => {
    store = await createLyingStore()
    const signer = {
      address: async () => 'https://media.example/',
      signedUrl: () => Promise.reject(Object.assign(new Error('no key'), { code: 'ENOENT' })),
    }
    const report = await probeS3({ bucket: 'media', region: 'x', endpoint: store.endpoint, credentials, signer })
    expect(troubles(report)).toEqual(['response-overrides: failed'])
    expect(checkOf(report, 'response-overrides')?.detail).toContain('fails (ENOENT)')
    expect(store.requests.filter((request) => request.includes('response-content-'))).toEqual([])
  })

  it('uses a given client as it is, and leaves it open', async () => {
    store = await createLyingStore()
    const client = new S3Client({
      region: 'x',
      endpoint: `${store.endpoint}/base/path`,
      credentials,
      forcePathStyle: true,
    })
    let destroyed = 0
    client.destroy = () => {
      destroyed++
    }
    const report = await probeS3({ bucket: 'media', client })
    expect(troubles(report)).toEqual([])
    expect(report.endpoint).toBe(`${store.endpoint}/base/path`)
    expect(destroyed).toBe(0)
  })

  it('puts again where a connection was cut, which is no verdict on the store', async () => {
    store = await createLyingStore()
    const client = new S3Client({ region: 'x', endpoint: store.endpoint, credentials, forcePathStyle: true })
    const cut = new Set<string>()
    client.middlewareStack.add(
      (next) => async (call) => {
        const key = String(Reflect.get(call.input, 'Key')).replace(/.*\//, '')
        const isCut = Reflect.has(call.input, 'Body') && !cut.has(key)
        cut.add(key)
        if (isCut) throw Object.assign(new Error('cut'), { code: 'ECONNRESET' })
        return next(call)
      },
      { step: 'initialize' },
    )
    expect(troubles(await probeS3({ bucket: 'media', client }))).toEqual([])
    expect(cut.size).toBeGreaterThan(3)
  })

  it('names an endpoint without a port as it is', async () => {
    const client = new S3Client({ region: 'x', endpoint: 'https://s3.example.com', credentials })
    client.send = () => Promise.reject(new Error('not in a test'))
    expect(await probeS3({ bucket: 'media', client })).toMatchObject({ endpoint: 'https://s3.example.com' })
  })

  it('names no endpoint where AWS is meant', async () => {
    const client = new S3Client({ region: 'eu-central-1', credentials })
    client.send = () => Promise.reject(new Error('not in a test'))
    expect(await probeS3({ bucket: 'media', client })).not.toHaveProperty('endpoint')
  })

  it('obeys its caller’s signal, and cleans up all the same', async () => {
    store = await createLyingStore()
    const reason = new Error('enough')
    await expect(
      probeS3(
        { bucket: 'media', region: 'x', endpoint: store.endpoint, credentials },
        { signal: AbortSignal.abort(reason) },
      ),
    ).rejects.toBe(reason)
    const controller = new AbortController()
    const fetch = async (): Promise<Response> => {
      controller.abort(reason)
      return new Response()
    }
    const options = { bucket: 'media', region: 'x', endpoint: store.endpoint, credentials }
    await expect(probeS3(options, { signal: controller.signal, fetch })).rejects.toBe(reason)
    expect(store.requests.filter((request) => request.startsWith('PUT')).length).toBeGreaterThan(4)
    expect(store.objects.size).toBe(0)
  })

  it('writes nothing more once it is aborted, though a put fails after that', async () => {
    store = await createLyingStore()
    const controller = new AbortController()
    const client = new S3Client({ region: 'x', endpoint: store.endpoint, credentials, forcePathStyle: true })
    const send = client.send.bind(client) as (command: unknown) => Promise<unknown>
    let puts = 0
    let cut: Promise<unknown> = Promise.resolve()
    client.send = (async (command: { input: { Key?: string } }) => {
      if (!(command instanceof PutObjectCommand && command.input.Key?.endsWith('/created-once'))) return send(command)
      puts += 1
      controller.abort(new Error('enough'))
      cut = wait(20).then(() => Promise.reject(new Error('socket hang up')))
      return cut
    }) as typeof client.send
    await expect(probeS3({ bucket: 'media', client }, { signal: controller.signal })).rejects.toThrow('enough')
    await cut.catch(nextTurn)

    expect(puts).toBe(1)
    expect(store.objects.size).toBe(0)
  })

  it('removes its objects from a store that is busy at times', async () => {
    expect(troubles(await probe(['is busy at each first DELETE']))).toEqual([])
    expect(store?.objects.size).toBe(0)
  })

  it.each<[Lie, string, string]>([
    ['deletes one object only', 'delete: failed', 'Deletes objects. Up to 6 '],
    ['forbids DELETE', 'delete: refused', 'Nothing can be erased. Up to 7 '],
  ])('says where its objects are left by a store that %s', async (lie, trouble, words) => {
    const report = await probe([lie])
    expect(troubles(report)).toEqual([trouble])
    const [path = ''] = store?.objects.keys() ?? []
    const base = path.replace(/^\/media\/|[^/]+$/g, '')
    expect(checkOf(report, 'delete')?.detail).toContain(`${words}objects of the probe are left below ${base}.`)
  })

  it('abandons a client that ignores its signal', async () => {
    const client = new S3Client({ region: 'x', credentials })
    client.send = () => new Promise<never>(() => {})
    const report = await probeS3({ bucket: 'media', client }, { timeoutMs: 20 })
    expect(checkOf(report, 'write')?.verdict).toBe('failed')
  })

  it.each([
    [{ prefix: '' }, 'prefix'],
    [{ prefix: 'no-slash' }, 'prefix'],
    [{ prefix: '../../' }, 'prefix'],
    [{ prefix: `${'a/'.repeat(450)}a/` }, 'prefix'],
    [{ prefix: 5 }, 'prefix'],
    [{ fetch: 'fetch' }, 'fetch'],
    [{ timeoutMs: 0 }, 'timeoutMs'],
    [{ timeoutMs: 2 ** 31 }, 'timeoutMs'],
  ])('refuses %j', async (wrong, option) => {
    await expect(probeS3({ bucket: 'media' }, wrong as ProbeOptions)).rejects.toMatchObject({
      code: 'invalid-option',
      option,
    })
  })

  it('refuses a storage’s wrong options', async () => {
    await expect(probeS3({ bucket: '..' })).rejects.toMatchObject({ option: 'bucket' })
  })
})
