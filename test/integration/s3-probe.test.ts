import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import { probeS3 } from '../../src/storage/s3.js'
import { createBucket, KINDS, lacks, optionsFor, server } from './bucket.js'

const bucket = await createBucket()

/** What is not `works` on each server. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  // Version 16 wants a Content-Length, which a framed stream has not.
  ceph16: ['framing: refused'],
  ceph20: [],
  moto: ['checksum: ignored'],
}

describe.each(KINDS)('probeS3 with %s', (kind) => {
  it('reports how the server behaves and what it lacks, and leaves nothing there', async () => {
    const report = await probeS3(optionsFor(bucket, kind))
    const troubles = report.checks.filter(({ verdict }) => verdict !== 'works')
    expect(troubles.map(({ name, verdict }) => `${name}: ${verdict}`)).toEqual(EXPECTED[server])
    expect(troubles.some(({ promise }) => promise === 'archived means proven')).toBe(lacks.includes('checksum'))
    expect(report).toMatchObject({ bucket, endpoint: process.env['S3_ENDPOINT'] })
    const client = new S3Client({ endpoint: process.env['S3_ENDPOINT'] ?? '', forcePathStyle: true })
    expect((await client.send(new ListObjectsV2Command({ Bucket: bucket }))).KeyCount).toBe(0)
    client.destroy()
  })

  it('names a bucket that is not there', async () => {
    const [write] = (await probeS3(optionsFor('never-created', kind))).checks
    expect(write).toMatchObject({ name: 'write', verdict: 'refused', detail: expect.stringContaining('NoSuchBucket') })
  })
})
