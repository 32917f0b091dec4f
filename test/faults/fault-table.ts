import { ATTEMPTS, FAULTS, type FaultName, PHASES, type Phase } from './cells.js'
import type { MatrixRun } from './describe-matrix.js'
import type { CellResult } from './matrix.js'

const HEAD = `# The outcome of each fault
`

const CODES = `
## What a code says

A fault says one of three things, and a job of a queue does one of three:

- **About this object.** It is given up at once, and \`onFailed\` gets it (\`media-gone\` and \`integrity-mismatch\` after [late tries](queues.md#when-a-job-fails)).
- **Passing.** The job is tried again, later each time, until Meta deletes the media.
- **About a whole:** a storage, a number, an account, the app. All jobs of that whole wait, with an \`account-paused\` event, and one at a time is tried. The first success ends the pause. Nothing is given up before Meta deletes the media. A job that fails while others of the same whole succeed is tried by itself, as for a passing fault. [How long, and who waits](errors.md#faults-of-a-whole).

Of other errors, \`access-token\` is about the number, \`host-refused\`, an answer that the app's own HTTP client refuses and a request that it could not send (a \`ReferenceError\`, \`ERR_INVALID_…\`) are about the app, and a token or app secret of the wrong form is about the account. What else such a client throws is passing: a slip in it may hide a fault of the network. \`timeout\` is passing. \`size-limit\`, \`key-conflict\` and other \`invalid-option\`s are about this object. What is known neither to pass nor to be about one object is about the storage: waiting loses nothing.

`

const CELLS = `
## Every step under every fault

This table has every step of an archive under every fault. Each fault happens once or always, with at most ${ATTEMPTS} attempts. The columns are the outcome of \`archiveMedia\` (archived, or the error's code), its attempts, and the objects it left, all with the right bytes. In every cell, the same archive succeeds after the fault is over, no connection stays in use, and no request goes to a host that a redirect names.

\`npx vitest run test/faults/matrix.test.ts --update\` writes this page; without \`--update\` the same test compares it. \`test/integration/faults.test.ts\` runs the same cells against a real store.
`

/** The results as a page. */
export function renderFaultTable(run: MatrixRun, codeTable: string): string {
  const phases = Object.entries(PHASES).map(([phase, meaning]) => {
    const rows = FAULTS.map((name) => `| ${name} | ${renderRow(run, phase, name)} |`)
    return [
      `\n### ${phase}\n\n${meaning}\n`,
      '| fault | once | attempts | objects | always | attempts | objects |',
      '| --- | --- | --- | --- | --- | --- | --- |',
      ...rows,
      '',
    ].join('\n')
  })
  return `${[HEAD, CODES, codeTable, CELLS, ...phases].join('')}\n${summarise(run)}\n`
}

function renderRow({ matrix, cells, results }: MatrixRun, phase: string, name: FaultName): string {
  const row = matrix[phase as Phase][name]
  if (typeof row === 'string') return `none: ${row} | | | | |`
  const found = [...cells.entries()].filter(([, cell]) => cell.phase === phase && cell.name === name)
  return found.map(([index]) => renderResult(results[index])).join(' | ')
}

function renderResult(result: CellResult | undefined): string {
  if (result === undefined) return 'not run | |'
  const { outcome, attempts, objects } = result
  return `${outcome === 'archived' ? outcome : `\`${outcome}\``} | ${attempts} | ${objects}`
}

/** The counts, in one line. */
export function summarise({ cells, results }: MatrixRun): string {
  const counts = (['once', 'always'] as const).map((frequency) => {
    const those = results.filter((_result, index) => cells[index]?.frequency === frequency)
    const archived = those.filter(({ outcome }) => outcome === 'archived')
    // A typed error shows as its code; what else can come has spaces.
    const typed = those.filter(({ outcome }) => outcome !== 'archived' && /^[a-z]+(?:-[a-z]+)*$/.test(outcome))
    return `${frequency}: ${archived.length} archived, ${typed.length} typed errors, ${those.length - archived.length - typed.length} else`
  })
  const spoilt = results.filter(({ wrongObjects, openRequests }) => wrongObjects + openRequests > 0)
  return `${results.length} cells (${counts.join('; ')}). With wrong bytes or a connection left in use: ${spoilt.length}.`
}
