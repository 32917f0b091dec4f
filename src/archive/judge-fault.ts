import { judgeGraphFailure } from '../download/graph-error.js'
import type { AnyWhatsAppMediaError, DownloadFailedError, GraphApiError } from '../errors.js'
import { judgeStorageFault } from '../upload/judge-fault.js'

/** The whole that a fault is about: all of its jobs would fail for it. */
export type FaultyWhole = 'token' | 'number' | 'account' | 'app' | 'storage' | 'rate-limit'

/** What a fault is about: this object (final), nothing that stays (passing), or a whole. */
export type FaultVerdict = { about: 'object' } | { about: 'passing' } | { about: 'whole'; whole: FaultyWhole }

const OBJECT: FaultVerdict = { about: 'object' }
const PASSING: FaultVerdict = { about: 'passing' }

/** The credentials that an account brings along: one with a line end, say. */
const ACCOUNT_OPTIONS: readonly string[] = ['accessToken', 'appSecret']

/** Judges what a failed archive has failed for. */
export function judgeFault(error: AnyWhatsAppMediaError): FaultVerdict {
  switch (error.code) {
    case 'access-token':
      return blame('token')
    case 'graph-api':
      return judgeGraph(error)
    case 'host-refused':
      return blame('app')
    case 'download-failed':
      return judgeDownload(error)
    case 'storage-failed': {
      const verdict = judgeStorageFault(error)
      return verdict === 'storage' ? blame(verdict) : { about: verdict }
    }
    case 'invalid-option':
      return ACCOUNT_OPTIONS.includes(error.option) ? blame('account') : OBJECT
    default:
      return error.retryable ? PASSING : OBJECT
  }
}

function blame(whole: FaultyWhole): FaultVerdict {
  return { about: 'whole', whole }
}

function judgeGraph(error: GraphApiError): FaultVerdict {
  const verdict = judgeGraphFailure(error)
  if (verdict === 'passing') return PASSING
  if (verdict === 'gone' || verdict === 'final') return OBJECT
  return blame(verdict === 'dead-token' ? 'token' : verdict)
}

/** Statuses that can be about one file. Others that stay are a proxy's, or another server's. */
const FILE_STATUSES: readonly (number | undefined)[] = [400, 413, 414, 416, 422, 451]

/** Without a status it is the app's own HTTP client that refuses what comes. */
function judgeDownload({ status, retryable }: DownloadFailedError): FaultVerdict {
  if (retryable) return PASSING
  return FILE_STATUSES.includes(status) ? OBJECT : blame('app')
}
