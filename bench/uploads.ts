import { startServer } from './processes.js'
import type { UploadCell, UploadResults } from './results.js'
import { significant } from './statistics.js'
import { measureTransfers, type TransferPlan } from './transfers.js'

/** A transfer whose sink is a Cloud API, and whose source, for objects, a store. */
export interface UploadPlan extends TransferPlan, Pick<UploadCell, 'isPlain'> {
  kind: UploadCell['source']
}

/** Uploads to a stand-in of the Cloud API, over TLS and without. */
export async function measureUploads(
  plans: readonly UploadPlan[],
  onCell: (cell: UploadCell) => void,
): Promise<UploadResults> {
  const startedAt = new Date()
  const cells: UploadCell[] = []
  for (const plan of plans) {
    const environment: Record<string, string> = plan.isPlain ? { TLS_CERT: '' } : {}
    const source = await startServer('./s3-sink.mjs', environment)
    const sink = await startServer('./upload-sink.mjs', environment)
    try {
      const { kind, isPlain } = plan
      const cell = { source: kind, isPlain, ...(await measureTransfers(plan, { source, sink })) }
      onCell(cell)
      cells.push(cell)
    } finally {
      await Promise.all([source.stop(), sink.stop()])
    }
  }
  const minutes = significant((Date.now() - startedAt.getTime()) / 60_000)
  return { measuredAt: startedAt.toISOString(), minutes, cells }
}
