import { createHash, randomUUID } from 'node:crypto'
import type { OnEvent } from '../../events.js'
import { defined } from '../../json.js'
import { signUrl } from '../../signed-url.js'
import {
  awaitAnswer,
  createStoreQuestions,
  readWhole,
  type StoreAnswer,
  type StoreQuestions,
  type UrlAnswer,
} from '../../storage/questions.js'
import type { Refusal } from '../../storage/refusal.js'
import type { ObjectStorage, StoredObject } from '../../storage.js'
import { askUrl, describeRefusal, type FetchOnce } from './ask.js'
import type { BucketConnection } from './bucket.js'
import type { Finding, IamStatement } from './finding.js'
import { allowOnKey, allowOnObjects, type Resource } from './iam.js'

/** The outcome of the archive's own calls, made with an object of the doctor's. */
export interface ObjectFacts {
  findings: Finding[]
  /** True when a URL without a signature read the object. Absent without an answer. */
  anyoneReads?: boolean | undefined
  /** True when a request without a signature listed keys. Absent without an answer. */
  anyoneLists?: boolean | undefined
  /** True when the object was written and removed again. */
  leavesNothing: boolean
}

interface ObjectChecks {
  connection: Resource & Pick<BucketConnection, 'isAws'>
  storage: ObjectStorage
  prefix: string
  kmsKeyId: string | undefined
  timeoutMs: number
  fetch: FetchOnce
  /**
   * Judges whether pages of other origins may read objects; `fetchFor` fetches a signed URL as a page of an origin
   * does.
   */
  cors: ((fetchFor: (origin: string) => Promise<Headers>) => Promise<Finding>) | undefined
}

const BODY = Buffer.from('Written by the doctor, to be removed at once.')

/** Writes a small object, reads it in every way that the archive does, and removes it. */
export async function examineObjects(context: ObjectChecks): Promise<ObjectFacts> {
  const key = `${context.prefix}doctor/${randomUUID()}.txt`
  const facts = await examineObject(context, key)
  const anyoneLists = await mayAnyoneList(context, key)
  return { ...facts, ...defined({ anyoneLists }) }
}

async function examineObject(context: ObjectChecks, key: string): Promise<ObjectFacts> {
  const { storage, prefix, timeoutMs, fetch } = context
  const questions = createStoreQuestions({
    storage,
    fetch,
    startSignal: () => AbortSignal.timeout(timeoutMs),
  })
  const written = await questions.put(key, BODY, {
    sha256: createHash('sha256').update(BODY).digest('hex'),
    contentType: 'text/plain',
    contentDisposition: 'attachment',
    ifAbsent: true,
  })
  if (!written.ok) {
    const refused = judgeRefusal(context, { check: 'write', action: 's3:PutObject', refusal: written })
    return { findings: [refused, await readAbsent(questions, key)], leavesNothing: false }
  }
  const findings: Finding[] = [{ check: 'write', severity: 'ok', finding: `An object was put below ${prefix}` }]
  const read = await examineReading(context, { questions, key })
  const removed = await questions.delete(key)
  findings.push(...read.findings, removed.ok ? ERASED : describeLeftover(context, { key, refusal: removed }))
  return { ...read, findings, leavesNothing: removed.ok }
}

/** Without an object to read, only a clear "there is none" proves that reading is allowed. */
async function readAbsent(questions: StoreQuestions, key: string): Promise<Finding> {
  const read = await questions.read(key)
  return read.ok && read.value === null
    ? { check: 'read', severity: 'ok', finding: 'Reading is allowed; there was no object to read, nor to sign' }
    : { check: 'read', severity: 'note', finding: 'Not checked, like signed URLs: there was no object to read' }
}

async function examineReading(
  context: ObjectChecks,
  { questions, key }: { questions: StoreQuestions; key: string },
): Promise<Pick<ObjectFacts, 'findings' | 'anyoneReads'>> {
  const read = await questions.read(key)
  if (!read.ok) {
    // HEAD and signed URLs need the same permission: they would only repeat this finding.
    return { findings: [judgeRefusal(context, { check: 'read', action: 's3:GetObject', refusal: read })] }
  }
  const findings = [judgeBytes(read.value), judgeHead(context, await questions.head(key))]
  let isClipped = false
  const onEvent: OnEvent = ({ type }) => {
    isClipped ||= type === 'expiry-clipped'
  }
  const signed = await awaitAnswer(() => signUrl(key, { storage: context.storage, anyAccount: true, onEvent }))
  if (!signed.ok) return { findings: [...findings, describeUnsigned(signed)] }
  const { url, expiresAt } = signed.value
  const answer = await questions.readUrl(url)
  findings.push(judgeSigned(answer, { host: new URL(url).host, diesAt: isClipped ? expiresAt : undefined }))
  const anyone = await questions.readUrl(url.replace(/\?.*$/, ''))
  if (isRead(answer)) findings.push(...(await judgeCors(context, url)))
  return { findings, ...(anyone.ok ? { anyoneReads: isRead(anyone) } : {}) }
}

function isRead(answer: StoreAnswer<UrlAnswer>): boolean {
  return answer.ok && answer.value.status === 200 && answer.value.bytes.equals(BODY)
}

/**
 * Whether anyone may list the bucket: its access control list can grant that although no object can be read, and keys show
 * tenants, dates and types. `undefined`: no answer says so or denies it.
 */
async function mayAnyoneList(
  { storage, prefix, timeoutMs, fetch }: ObjectChecks,
  key: string,
): Promise<boolean | undefined> {
  const signed = await awaitAnswer(() => signUrl(key, { storage, anyAccount: true }))
  if (!signed.ok) return undefined
  const { url } = signed.value
  const query = new URLSearchParams({ 'list-type': '2', prefix: `${prefix}doctor/`, 'max-keys': '1' })
  // Where readers reach the bucket: the part before the key. No character of a key of the doctor's is encoded.
  const answer = await askUrl(`${url.slice(0, url.indexOf(key))}?${query}`, { fetch, timeoutMs })
  if (!answer.ok) return undefined
  const { status, bytes } = answer.value
  // A page of a proxy is no list, and neither a redirect nor a fault refuses one.
  if (status === 200) return bytes.includes('<ListBucketResult')
  return status >= 400 && status < 500 ? false : undefined
}

async function judgeCors({ cors, timeoutMs, fetch }: ObjectChecks, url: string): Promise<Finding[]> {
  if (cors === undefined) return []
  const fetchFor = async (origin: string): Promise<Headers> => {
    const answer = await fetch(url, { headers: { origin }, signal: AbortSignal.timeout(timeoutMs) })
    return (await readWhole(answer)).headers
  }
  const judged = await awaitAnswer(() => cors(fetchFor))
  if (judged.ok) return [judged.value]
  return [{ check: 'CORS', severity: 'note', finding: `Could not be checked (${describeRefusal(judged)})` }]
}

const ALLOW = 'Allow it to the role or user that the archive runs as, and look for a Deny in the bucket policy'

function judgeRefusal(
  { connection, prefix, kmsKeyId }: ObjectChecks,
  { check, action, refusal }: { check: string; action: 's3:PutObject' | 's3:GetObject'; refusal: Refusal },
): Finding {
  const { reason, status } = refusal
  if (status === undefined) {
    return {
      check,
      severity: 'error',
      finding: `${action} failed: ${describeRefusal(refusal)}`,
      fix: { advice: 'Check the store and the network between' },
    }
  }
  if (status !== 403) {
    return {
      check,
      severity: 'error',
      finding: `The store answers ${action} with ${describeRefusal(refusal)}`,
      fix: { advice: 'Look for that code in the documentation of the store' },
    }
  }
  const statements: IamStatement[] = [allowOnObjects({ ...connection, prefix }, action)]
  if (kmsKeyId !== undefined) statements.push(allowOnKey({ ...connection, action }, kmsKeyId))
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

function judgeBytes(body: Buffer | null): Finding {
  const check = 'read'
  if (body?.equals(BODY) === true) return { check, severity: 'ok', finding: 'The same bytes came back' }
  return {
    check,
    severity: 'error',
    finding: body === null ? 'The object that was put is not there' : 'Other bytes came back than were put',
    fix: {
      advice: 'Do not archive into this store: it, or a proxy before it, loses or changes objects that it acknowledged',
    },
  }
}

function judgeHead({ connection, prefix }: ObjectChecks, head: StoreAnswer<StoredObject | null>): Finding {
  const check = 'head'
  if (head.ok && head.value?.size === BODY.length) return { check, severity: 'ok', finding: 'HEAD finds the object' }
  const isDenied = !head.ok && head.status === 403
  const answer = head.ok ? 'another object, or none' : describeRefusal(head)
  return {
    check,
    severity: 'error',
    finding: isDenied
      ? 'HEAD is refused although GET is not: stored objects cannot be compared'
      : `HEAD answers with ${answer}: stored objects cannot be compared`,
    fix: {
      advice: 'Let HEAD requests through (a proxy, or a rule of the store, stops them); on AWS they need s3:GetObject',
      statements: [allowOnObjects({ ...connection, prefix }, 's3:GetObject')],
    },
  }
}

function describeUnsigned(refusal: Refusal): Finding {
  return {
    check: 'signed URL',
    severity: 'error',
    finding: `No URL could be signed (${describeRefusal(refusal)})`,
    fix: { advice: 'Signing takes @aws-sdk/s3-request-presigner in the version of your client-s3' },
  }
}

function judgeSigned(
  answer: StoreAnswer<UrlAnswer>,
  { host, diesAt }: { host: string; diesAt: Date | undefined },
): Finding {
  const check = 'signed URL'
  if (isRead(answer)) {
    if (diesAt === undefined) return { check, severity: 'ok', finding: `Readers get the object from ${host}` }
    return {
      check,
      severity: 'note',
      finding: `Works, but ends with the credentials at ${diesAt.toISOString()}, whatever the expiry`,
      fix: { advice: 'For URLs that live longer, sign with the keys of a user, or let CloudFront sign' },
    }
  }
  const problem = answer.ok
    ? `is answered with HTTP ${answer.value.status}`
    : `cannot be read: ${describeRefusal(answer)}`
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

const ERASED: Finding = { check: 'delete', severity: 'ok', finding: 'The object was removed again' }

function describeLeftover(
  { connection, prefix }: ObjectChecks,
  { key, refusal }: { key: string; refusal: Refusal },
): Finding {
  return {
    check: 'delete',
    severity: 'note',
    finding: `The doctor's object stays (${describeRefusal(refusal)}): ${key}`,
    fix: {
      advice: 'Only erasing needs it; for the doctor alone this is enough',
      statements: [allowOnObjects({ ...connection, prefix: `${prefix}doctor/` }, 's3:DeleteObject')],
    },
  }
}
