import { afterAll, expect, it } from 'vitest'
import { renderCodeTable } from './code-table.js'
import { describeMatrix } from './describe-matrix.js'
import { renderFaultTable, summarise } from './fault-table.js'
import { createS3StandIn } from './s3-stand-in.js'

const bucket = 'media'
const store = await createS3StandIn()
afterAll(() => store.close())

const run = await describeMatrix({
  host: store.host,
  port: store.port,
  bucket,
  options: { region: 'eu-central-1', credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' } },
  objects: async (prefix) =>
    [...store.objects].filter(([path]) => path.startsWith(`/${bucket}/${prefix}`)).map(([, bytes]) => bytes),
})

it('docs/faults.md lists the outcomes of all cells', async () => {
  process.stdout.write(`${summarise(run)}\n`)
  await expect(renderFaultTable(run, await renderCodeTable())).toMatchFileSnapshot('../../docs/faults.md')
})
