import { it } from 'vitest'
import { backfillThroughACrash } from '../cli/backfill/crash.js'

it('the command backfill takes 10,000 references through a SIGKILL', async () => {
  await backfillThroughACrash(10_000)
})
