import { createHash, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { OnEvent } from '../../events.js'
import { signUrl } from '../../signed-url.js'
import type { ObjectStorage } from '../../storage.js'
import { type Attempt, attempt, attemptWithin, type FetchedAnswer, get, type Refusal, told } from './ask.js'
import type { BucketConnection } from './bucket.js'
import type { Finding, IamStatement } from './finding.js'
import { keyStatement, objectStatement, type Resource } from './iam.js'

/** What the archive's own calls came to, with an object that was there for them only. */
export interface ObjectFacts {
  findings: Finding[]
  /** Whether a URL without signature was answered. */
  anyoneReads?: boolean
  /** Whether the bucket tells its keys without a signature. */
  anyoneLists?: boolean
  /** Whether the object could be written and removed again. */
  leavesNothing: boolean
}

interface Context {
  connection: Resource & Pick<BucketConnection, 'isAws'>
  storage: ObjectStorage
  prefix: string
  kmsKeyId: string | undefined
  timeoutMs: number
  /** Judges what pages of other origins may read, by a fetch of a signed URL for one of them. */
  cors: ((fetchFor: (origin: string) => Promise<Headers>) => Promise<Finding>) | undefined
}

const BODY = 'Written by the doctor, to be removed at once.'

/** Writes a small object, reads it in every way that the archive does, and removes it. */
export async function checkObjects(context: Context): Promise<ObjectFacts> {
  const key = `${context.prefix}doctor/${randomUUID()}.txt`
  const facts = await checkObject(context, key)
  const anyoneLists = await listsForAnyone(context, key)
  return { ...facts, ...(anyoneLists === undefined ? {} : { anyoneLists }) }
}

async function checkObject(context: Context, key: string): Promise<ObjectFacts> {
  const { storage, prefix, timeoutMs } = context
  const written = await attempt(() =>
    storage.put(key, Readable.from([Buffer.from(BODY)]), {
      size: Buffer.byteLength(BODY),
      sha256: createHash('sha256').update(BODY).digest('hex'),
      contentType: 'text/plain',
      contentDisposition: 'attachment',
      ifAbsent: true,
      signal: AbortSignal.timeout(timeoutMs),
    }),
  )
  if ('reason' in written) {
    const refused = refusedFinding(context, { check: 'write', action: 's3:PutObject', refusal: written })
    return { findings: [refused, await readAbsent(context, key)], leavesNothing: false }
  }
  const findings: Finding[] = [{ check: 'write', severity: 'ok', finding: `An object was put below ${prefix}` }]
  const read = await readObject(context, key)
  const removed = await attempt(() => storage.delete(key, { signal: AbortSignal.timeout(timeoutMs) }))
  const leavesNothing = !('reason' in removed)
  findings.push(...read.findings, leavesNothing ? erased() : notErased(context, { key, refusal: removed }))
  return { ...read, findings, leavesNothing }
}

/** With nothing to read, only a clear "there is none" tells that reading is allowed. */
async function readAbsent(context: Context, key: string): Promise<Finding> {
  const { storage, timeoutMs } = context
  const read = await attempt(() => storage.get(key, { signal: AbortSignal.timeout(timeoutMs) }))
  const isAllowed = 'value' in read && read.value === null
  return isAllowed
    ? { check: 'read', severity: 'ok', finding: 'Reading is allowed; there was no object to read, nor to sign' }
    : { check: 'read', severity: 'note', finding: 'Not checked, nor are signed URLs: there was no object to read' }
}

async function readObject(context: Context, key: string): Promise<Pick<ObjectFacts, 'findings' | 'anyoneReads'>> {
  const { storage, timeoutMs } = context
  const callOptions = () => ({ signal: AbortSignal.timeout(timeoutMs) })
  const read = await attemptWithin(timeoutMs, async (signal) => {
    const found = await storage.get(key, { signal })
    return found === null ? null : text(found.body)
  })
  if ('reason' in read) {
    // HEAD and signed URLs go by the same permission: they would only say it again.
    return { findings: [refusedFinding(context, { check: 'read', action: 's3:GetObject', refusal: read })] }
  }
  const findings = [judgeBytes(read.value)]
  const head = await attempt(() => storage.head(key, callOptions()))
  findings.push(judgeHead(context, head))

  let isClipped = false
  const onEvent: OnEvent = ({ type }) => {
    isClipped ||= type === 'expiry-clipped'
  }
  const signed = await attempt(() => signUrl(key, { storage, anyAccount: true, onEvent }))
  if ('reason' in signed) return { findings: [...findings, notSigned(signed)] }
  const { url, expiresAt } = signed.value
  const answer = await attempt(() => get(url, callOptions()))
  findings.push(judgeSigned(answer, { host: new URL(url).host, diesAt: isClipped ? expiresAt : undefined }))
  const anyone = await attempt(() => get(url.replace(/\?.*$/, ''), callOptions()))
  if (isRead(answer)) findings.push(...(await judgeCors(context, (init) => get(url, { ...init, ...callOptions() }))))
  return { findings, ...('reason' in anyone ? {} : { anyoneReads: isRead(anyone) }) }
}

function isRead(answer: Attempt<FetchedAnswer>): boolean {
  return 'value' in answer && answer.value.status === 200 && answer.value.body === BODY
}

/**
 * Whether anyone may list, which an access control list of the bucket can grant although no object can be read; keys
 * tell tenants, dates and types. `undefined`: no answer told.
 */
async function listsForAnyone({ storage, prefix, timeoutMs }: Context, key: string): Promise<boolean | undefined> {
  const answer = await attemptWithin(timeoutMs, async (signal) => {
    const { url } = await signUrl(key, { storage, anyAccount: true })
    const query = new URLSearchParams({ 'list-type': '2', prefix: `${prefix}doctor/`, 'max-keys': '1' })
    // Where readers reach the bucket: what comes before the key. No character of a key of the doctor's is encoded.
    return get(`${url.slice(0, url.indexOf(key))}?${query}`, { signal })
  })
  if ('reason' in answer) return undefined
  const { status, body } = answer.value
  // A page of a proxy is no list, and neither a redirect nor a fault refuses one.
  if (status === 200) return body.includes('<ListBucketResult')
  return status >= 400 && status < 500 ? false : undefined
}

async function judgeCors(
  { cors }: Context,
  fetchWith: (init: RequestInit) => Promise<FetchedAnswer>,
): Promise<Finding[]> {
  if (cors === undefined) return []
  const judged = await attempt(() => cors(async (origin) => (await fetchWith({ headers: { origin } })).headers))
  if ('value' in judged) return [judged.value]
  return [{ check: 'CORS', severity: 'note', finding: `Could not be asked (${told(judged)})` }]
}

const ALLOW = 'Allow it to the role or user that the archive runs as, and look for a Deny in the bucket policy'

function refusedFinding(
  { connection, prefix, kmsKeyId }: Context,
  { check, action, refusal }: { check: string; action: 's3:PutObject' | 's3:GetObject'; refusal: Refusal },
): Finding {
  const { reason, status } = refusal
  if (status === undefined) {
    return {
      check,
      severity: 'error',
      finding: `${action} came to nothing: ${reason}`,
      fix: { advice: 'Look at the store and at the way there' },
    }
  }
  if (status !== 403) {
    return {
      check,
      severity: 'error',
      finding: `The store answers ${action} with ${told(refusal)}`,
      fix: { advice: 'Look for that code in the documentation of the store' },
    }
  }
  const statements: IamStatement[] = [objectStatement({ ...connection, prefix }, action)]
  if (kmsKeyId !== undefined) statements.push(keyStatement({ ...connection, action }, kmsKeyId))
  return {
    check,
    severity: 'error',
    finding: `${action} is denied below ${prefix} (${reason})`,
    fix: {
      advice: connection.isAws ? ALLOW : `${ALLOW}; Ceph 16 denies every write while BlockPublicAcls is on`,
      statements,
    },
  }
}

function judgeBytes(body: string | null): Finding {
  const check = 'read'
  if (body === BODY) return { check, severity: 'ok', finding: 'The same bytes came back' }
  return {
    check,
    severity: 'error',
    finding: body === null ? 'What was put is not there' : 'Other bytes came back than were put',
    fix: { advice: 'Do not archive into this store: it, or a proxy before it, does not keep what it acknowledges' },
  }
}

function judgeHead(
  { connection, prefix }: Context,
  head: Attempt<Awaited<ReturnType<ObjectStorage['head']>>>,
): Finding {
  const check = 'head'
  if ('value' in head && head.value !== null) {
    const isWhole = head.value.size === Buffer.byteLength(BODY)
    if (isWhole) return { check, severity: 'ok', finding: 'HEAD tells of the object' }
  }
  const isDenied = 'reason' in head && head.status === 403
  const answer = 'reason' in head ? told(head) : 'another object, or none'
  return {
    check,
    severity: 'error',
    finding: isDenied
      ? 'HEAD is refused although GET is not: what is stored already cannot be compared'
      : `HEAD tells of ${answer}: what is stored already cannot be compared`,
    fix: {
      advice: 'Let HEAD requests through (a proxy, or a rule of the store, stops them); on AWS they take s3:GetObject',
      statements: [objectStatement({ ...connection, prefix }, 's3:GetObject')],
    },
  }
}

function notSigned(refusal: Refusal): Finding {
  return {
    check: 'signed URL',
    severity: 'error',
    finding: `No URL could be signed (${told(refusal)})`,
    fix: { advice: 'Signing takes @aws-sdk/s3-request-presigner in the version of your client-s3' },
  }
}

function judgeSigned(
  answer: Attempt<FetchedAnswer>,
  { host, diesAt }: { host: string; diesAt: Date | undefined },
): Finding {
  const check = 'signed URL'
  if ('value' in answer && isRead(answer)) {
    if (diesAt === undefined) return { check, severity: 'ok', finding: `Readers get the object from ${host}` }
    return {
      check,
      severity: 'note',
      finding: `Works, and dies with the credentials at ${diesAt.toISOString()}, whatever expiry is asked for`,
      fix: { advice: 'For URLs that live longer, sign with the keys of a user, or let CloudFront sign' },
    }
  }
  const problem =
    'reason' in answer ? `cannot be read: ${told(answer)}` : `is answered with HTTP ${answer.value.status}`
  return {
    check,
    severity: 'error',
    finding: `A signed URL ${problem} (${host}), although the object can be read`,
    fix: {
      advice:
        'Give the endpoint that readers reach (publicEndpoint, --public-endpoint); no proxy may change Host or query',
    },
  }
}

function erased(): Finding {
  return { check: 'delete', severity: 'ok', finding: 'The object was removed again' }
}

function notErased({ connection, prefix }: Context, { key, refusal }: { key: string; refusal: Refusal }): Finding {
  return {
    check: 'delete',
    severity: 'note',
    finding: `The doctor's object stays (${told(refusal)}): ${key}`,
    fix: {
      advice: 'Only who erases needs it; for the doctor alone this is enough',
      statements: [objectStatement({ ...connection, prefix: `${prefix}doctor/` }, 's3:DeleteObject')],
    },
  }
}
