import { type Server, startServer } from './processes.js'
import type { Results, TransferCell } from './results.js'
import { measureTransfers, type TransferPlan, type TransferServers } from './transfers.js'

const ROUND_TRIP_MS = 100

/** Transfers into a store that is far away. The source stays near, so that what a PUT waits for shows alone. */
export async function measureLatency(
  plans: readonly TransferPlan[],
  servers: TransferServers,
  onCell: (cell: TransferCell) => void,
): Promise<Results['latency']> {
  const cells: TransferCell[] = []
  const proxy: Server = await startServer('./delay-proxy.mjs', {
    TARGET: servers.sink.origin,
    ROUND_TRIP_MS: String(ROUND_TRIP_MS),
  })
  try {
    for (const plan of plans) {
      const cell = await measureTransfers(plan, { ...servers, sinkOrigin: proxy.origin })
      onCell(cell)
      cells.push(cell)
    }
  } finally {
    await proxy.stop()
  }
  return { roundTripMs: ROUND_TRIP_MS, cells }
}
