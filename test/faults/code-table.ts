import { Readable } from 'node:stream'
import { type FaultVerdict, judgeFault } from '../../src/archive/judge-fault.js'
import { GRAPH_VERDICTS, toGraphError } from '../../src/download/graph-error.js'
import type { lookUpMedia } from '../../src/download/look-up.js'
import { openMedia } from '../../src/download/open-media.js'
import { resolveDownload } from '../../src/download.js'
import { StorageFailedError, WhatsAppMediaError } from '../../src/errors.js'
import { toS3StorageError } from '../../src/storage/s3/errors.js'
import { startDeadlines } from '../../src/timing/deadlines.js'
import { STORAGE_FAULTS } from '../../src/upload/judge-fault.js'

/*
 * The page's table of codes. Each row is what the code makes of a real answer with this code: nothing is copied here by
 * hand, and the test of the page compares.
 */

const STATUSES = [
  ...[301, 302, 307, 400, 401, 402, 403, 404, 405, 407, 408, 409, 410, 411, 413, 414, 415, 416, 421, 422, 423, 425],
  ...[429, 431, 451, 500, 501, 502, 503, 504, 507, 511],
]

const WORDS: Readonly<Record<string, string>> = {
  object: 'about this object: given up',
  passing: 'passing: tried again',
  token: 'about the number: its token is dead',
  number: 'about the number: a right is missing',
  account: 'about the account',
  'rate-limit': 'about the account: a rate limit',
  app: 'about the app',
  storage: 'about the storage',
}

const name = (verdict: FaultVerdict): string =>
  WORDS[verdict.about === 'whole' ? verdict.whole : verdict.about] ?? 'unknown'

/** One row a verdict, in the order of `WORDS`. */
function renderRows(judged: readonly (readonly [code: string, verdict: string])[]): string[] {
  return Object.values(WORDS).flatMap((word) => {
    const codes = judged.filter(([, verdict]) => verdict === word).map(([code]) => code)
    return codes.length === 0 ? [] : [`| ${word} | ${codes.join(', ')} |`]
  })
}

const judgeGraph = (status: number, code?: number, more: object = {}): string => {
  const text = code === undefined ? '' : JSON.stringify({ error: { code, ...more } })
  return name(judgeFault(toGraphError({ status, headers: {}, text }, '1')))
}

const judgeStore = (reason: string, status?: number): string => {
  const thrown =
    status === undefined
      ? new StorageFailedError({ operation: 'put', key: 'k', reason, retryable: isPassing(reason) })
      : toS3StorageError(Object.assign(new Error(reason), { name: reason, $metadata: { httpStatusCode: status } }), {
          operation: 'put',
          key: 'k',
          bucket: 'b',
          secrets: [],
        })
  if (!WhatsAppMediaError.is(thrown)) throw new Error('no failure')
  return name(judgeFault(thrown))
}

const isPassing = (reason: string): boolean => STORAGE_FAULTS.passing.includes(reason)

/** What comes of a media host that answers with this status. */
async function judgeDownload(status: number): Promise<string> {
  const http = async () => ({ status, headers: {}, body: Readable.from([]) })
  const origin = 'http://127.0.0.1:9'
  const download = resolveDownload({ http, cloudApi: { baseUrl: origin, mediaHosts: [origin] } })
  const deadlines = startDeadlines(download.timeouts, undefined)
  const media = { mediaId: '1', mediaType: 'image', mimeType: 'image/jpeg', lookedUpUrl: `${origin}/file` } as const
  const attempt = { download, accessToken: 'token', deadlines, report: () => {}, integrity: 'strict' } as const
  try {
    await openMedia(media as Parameters<typeof openMedia>[0], attempt as Parameters<typeof lookUpMedia>[1])
  } catch (error) {
    if (WhatsAppMediaError.is(error)) return name(judgeFault(error))
  } finally {
    deadlines.clear()
  }
  throw new Error('no failure')
}

const GRAPH_RANGES: readonly (readonly [code: string, number, object?])[] = [
  ['100 with subcode 33', 100, { error_subcode: 33 }],
  ['100 with a message about `appsecret_proof`', 100, { message: 'Invalid appsecret_proof' }],
  ['102', 102],
  ['200 to 299', 250],
  ['80000 to 80014', 80_004],
]

export async function renderCodeTable(): Promise<string> {
  const graphCodes = [...GRAPH_VERDICTS.keys()]
    .filter((code) => code < 80_000 || code > 80_014)
    .map((code) => [`${code}`, judgeGraph(400, code)] as const)
  const ranges = GRAPH_RANGES.map(([shown, code, more]) => [shown, judgeGraph(400, code, more)] as const)
  const downloads: (readonly [string, string])[] = []
  for (const status of STATUSES) downloads.push([`${status}`, await judgeDownload(status)])
  const names = Object.values(STORAGE_FAULTS)
    .flat()
    .map((reason) => [`\`${reason}\``, judgeStore(reason)] as const)
  const head = (what: string): string[] => [`| what it says | ${what} |`, '| --- | --- |']
  return [
    '### Codes of the Graph API\n',
    'An unknown code counts by its status. An error that Meta calls transient (`is_transient`) is passing.\n',
    ...head('codes'),
    ...renderRows([...graphCodes, ...ranges]),
    '\n### Statuses of the Graph API without a known code\n',
    ...head('HTTP statuses'),
    ...renderRows(STATUSES.map((status) => [`${status}`, judgeGraph(status)])),
    '\n### Statuses of a media host\n',
    'A redirect leads on where it names a location.\n',
    ...head('HTTP statuses'),
    ...renderRows(downloads),
    '\n### Names of stores and systems\n',
    'S3 and what speaks its language, R2, the AWS SDK, directories. Names that begin with `KMS` are about the storage. A name counts before its status.\n',
    ...head('names'),
    ...renderRows(names),
    '\n### Statuses of a store without a known name\n',
    ...head('HTTP statuses'),
    ...renderRows(STATUSES.map((status) => [`${status}`, judgeStore('UnknownError', status)])),
    '',
  ].join('\n')
}
