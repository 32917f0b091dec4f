import { cleanId } from '../errors/describe.js'
import { createFailureLog } from '../errors/failure-log.js'
import type { Pause, PauseListener } from './pauses.js'

const PAUSE_ADVICE: Readonly<Record<Pause['reason'], string>> = {
  account:
    'Meta blocks the account or refuses its app secret (see the App Dashboard), or accounts gives a wrong option; the jobs then go on by themselves.',
  app: 'Mend the proxy, or see cloudApi.mediaHosts; the jobs then go on by themselves.',
  permission:
    "Give the token's system user the account, and its app the permission; the jobs then go on by themselves.",
  'access-token': 'Renew the access token, or mend what accounts gives; the jobs then go on by themselves.',
  'rate-limit': "The account is at a rate limit of Meta's. The jobs go on by themselves.",
  storage: 'Mend what the error names; the jobs then go on by themselves.',
}

/**
 * Stands in for an absent `onEvent`: a pause goes to `console.error`, each reason once a minute at most: one
 * expired token can stop thousands of accounts. The next line counts the accounts in between.
 */
export function createPauseLog(): PauseListener {
  const log = createFailureLog()
  return ({ accountId, forSeconds, reason }, error) => {
    const told = `the jobs of account ${cleanId(accountId)} wait for ${forSeconds} seconds (${reason}). ${PAUSE_ADVICE[reason]}`
    log(reason, { told: `${told} Give createMediaArchive an onEvent to hear of each pause.`, error, accountId })
  }
}
