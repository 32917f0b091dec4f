import { it } from 'vitest'
import { backfillThroughACrash } from './crash.js'

it('the command backfill goes on after SIGKILL, repeats nothing, and its report adds up', async () => {
  await backfillThroughACrash(400)
}, 180_000)
