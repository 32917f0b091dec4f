import { describeValue } from '../../../errors/describe.js'
import type { StoreAnswer } from '../../questions.js'
import type { Refusal } from '../../refusal.js'
import type { ProbeCheckName, ProbeVerdict } from './report.js'
import { createProbeSample } from './sample.js'
import type { ProbeStore } from './store.js'

/** The checks in their order. Without the first, there is nothing to test with. */
export const PROBE_CHECKS: ReadonlyArray<{
  name: ProbeCheckName
  check: (store: ProbeStore) => Promise<ProbeVerdict>
}> = [
  { name: 'write', check: checkWrite },
  { name: 'read', check: checkRead },
  { name: 'head', check: checkHead },
  { name: 'conditional-create', check: checkConditionalCreate },
  { name: 'checksum', check: checkChecksum },
  { name: 'framing', check: checkFraming },
  { name: 'metadata', check: checkKeptMetadata },
  { name: 'response-overrides', check: checkResponseOverrides },
  { name: 'tags', check: checkTags },
  { name: 'delete', check: checkDelete },
]

const PROVEN = 'archived means proven'
const ONE_OBJECT = 'exactly one object'
const SAFE = 'safe to open'

/** The name of the object that the first check writes. */
const NAME = 'object'

async function checkWrite(store: ProbeStore): Promise<ProbeVerdict> {
  const written = await store.put(NAME, store.object)
  if (written.ok) return describeSuccess('Takes a plain PUT with its length and SHA-256.')
  return describeStoreRefusal(written, 'A plain PUT with length and SHA-256', 'Nothing can be archived here.')
}

async function checkRead(store: ProbeStore): Promise<ProbeVerdict> {
  const read = await store.read(NAME)
  if (!read.ok)
    return describeStoreRefusal(read, 'Reading the object', 'Objects that hold no hash can not be compared.')
  return read.value?.equals(store.object.bytes) === true
    ? describeSuccess('Gives back the bytes that were put.')
    : {
        verdict: 'failed',
        detail: `Reading gives ${describeBytes(read.value)} in place of the bytes that were put.`,
        promise: PROVEN,
      }
}

async function checkHead(store: ProbeStore): Promise<ProbeVerdict> {
  const found = await store.head(NAME)
  const consequence = 'After a repeated put the object can not be compared, so each repeat fails.'
  if (!found.ok && found.status === 403) {
    const detail = `HEAD is refused with HTTP 403: it takes s3:GetObject, and with SSE-KMS kms:Decrypt. ${consequence}`
    return { verdict: 'refused', detail, promise: ONE_OBJECT }
  }
  if (!found.ok) return { ...describeStoreRefusal(found, 'HEAD', consequence), promise: ONE_OBJECT }
  if (found.value?.size === store.object.bytes.length)
    return describeSuccess('Finds an object right after its put, with its size.')
  const detail =
    found.value === null ? 'HEAD does not find an object right after its put.' : 'HEAD reports another size.'
  return { verdict: 'failed', detail, promise: ONE_OBJECT }
}

async function checkConditionalCreate(store: ProbeStore): Promise<ProbeVerdict> {
  const [first, second] = [createProbeSample(), createProbeSample()]
  const created = await store.create('created-once', first)
  if (!created.ok) {
    const consequence =
      'The library looks with a HEAD before each put instead; two writers at the same instant can both write.'
    return { ...describeStoreRefusal(created, 'A PUT with If-None-Match', consequence), promise: ONE_OBJECT }
  }
  const again = await store.create('created-once', second)
  const read = await store.read('created-once')
  const isKept = read.ok && read.value?.equals(first.bytes) === true
  if (again.ok) {
    const detail = isKept
      ? 'A second PUT with If-None-Match is answered with success, and nothing is written: set conditionalWrites to false.'
      : 'If-None-Match is taken and ignored, a second PUT overwrites the first: set conditionalWrites to false.'
    return { verdict: 'ignored', detail, promise: isKept ? `${PROVEN}; ${ONE_OBJECT}` : ONE_OBJECT }
  }
  if (!read.ok)
    return {
      verdict: 'skipped',
      detail: `The second PUT is refused (${describeReason(again)}), and the object there can not be read.`,
    }
  if (!isKept) {
    const detail = `The second PUT is refused (${describeReason(again)}), and reading gives ${describeBytes(read.value)} in place of the first object.`
    return { verdict: 'ignored', detail, promise: ONE_OBJECT }
  }
  if (again.status === 412) return checkCreateAtOnce(store)
  const detail = `A second PUT with If-None-Match is refused with ${describeReason(again)} in place of HTTP 412, so a repeat fails.`
  return { verdict: 'failed', detail, promise: ONE_OBJECT }
}

/** A store may look first and write then: puts that come one after the other do not show it. */
async function checkCreateAtOnce(store: ProbeStore): Promise<ProbeVerdict> {
  const create = (): Promise<StoreAnswer<unknown>> => store.create('created-at-once', createProbeSample())
  const answers = await Promise.all([create(), create()])
  if (!answers.every(({ ok }) => ok)) {
    return describeSuccess(
      'A second PUT with If-None-Match is refused, also at the same time, and the first object stays.',
    )
  }
  const detail =
    'Of two PUTs with If-None-Match at the same time both succeed: one overwrites the other, or a bucket with versions keeps both.'
  return { verdict: 'ignored', detail, promise: ONE_OBJECT }
}

async function checkChecksum(store: ProbeStore): Promise<ProbeVerdict> {
  const answered = await store.putWrong('wrong-checksum', store.object, createProbeSample().sha256)
  const read = await store.read('wrong-checksum')
  const consequence = 'Between library and store only TLS protects the bytes.'
  if (answered.ok) {
    const detail = `A body with another SHA-256 than its checksum header and its signature say is taken. ${consequence}`
    return { verdict: 'ignored', detail, promise: PROVEN }
  }
  if (answered.status === undefined || answered.status >= 500) {
    return { ...describeStoreRefusal(answered, 'A PUT with a wrong SHA-256', consequence), promise: PROVEN }
  }
  // Without s3:ListBucket an absent object answers 403 (AWS: GetObject), also to a caller who may read present ones.
  const isHidden = !read.ok && read.status === 403 && (await store.read(NAME)).ok
  if (!read.ok && !isHidden)
    return {
      verdict: 'skipped',
      detail: `A body with a wrong SHA-256 is refused (${describeReason(answered)}), and the object there can not be read.`,
    }
  if (!read.ok || read.value === null)
    return describeSuccess(`A body with a wrong SHA-256 is refused (${describeReason(answered)}), and leaves nothing.`)
  const detail = `A body with a wrong SHA-256 is refused (${describeReason(answered)}), and yet an object is there.`
  return { verdict: 'ignored', detail, promise: PROVEN }
}

async function checkFraming(store: ProbeStore): Promise<ProbeVerdict> {
  const plain = await store.read(NAME)
  if (plain.ok && plain.value?.equals(store.object.bytes) !== true) {
    return {
      verdict: 'failed',
      detail: `Reading gives ${describeBytes(plain.value)} in place of the plain bytes that were put.`,
      promise: PROVEN,
    }
  }
  const put = await store.putChunked('chunked', store.object)
  const ours = 'This library sends plain bodies only.'
  if (!put.ok) return describeStoreRefusal(put, 'A body in aws-chunked framing', ours)
  const read = await store.read('chunked')
  if (!read.ok)
    return { verdict: 'skipped', detail: 'A body in aws-chunked framing is taken, and can not be read back.' }
  const theirs = `Objects that other programs put with the SDK’s defaults are spoilt. ${ours}`
  if (read.value?.equals(store.object.bytes) !== true) {
    return { verdict: 'ignored', detail: `The framing of an aws-chunked body is kept in the object. ${theirs}` }
  }
  const encoding = await store.contentEncoding('chunked')
  if (encoding.ok && encoding.value?.includes('aws-chunked') === true) {
    return { verdict: 'ignored', detail: `Content-Encoding: aws-chunked is kept, which no reader can undo. ${theirs}` }
  }
  return describeSuccess('Plain and aws-chunked bodies come back as the same bytes.')
}

/** As this library writes a file's name: ASCII, with escapes. */
const METADATA = { 'probe-name': 'na%C3%AFve%20%E2%9C%93.jpg' }
const DISPOSITION = `attachment; filename="photo.jpg"; filename*=UTF-8''photo%20%E2%9C%93.jpg`

async function checkKeptMetadata(store: ProbeStore): Promise<ProbeVerdict> {
  const facts = { contentType: 'image/jpeg', contentDisposition: DISPOSITION }
  const put = await store.put('described', store.object, { ...facts, metadata: METADATA })
  if (!put.ok) return describeStoreRefusal(put, 'A PUT with metadata', 'Nothing can be archived here.')
  const found = await store.head('described')
  if (!found.ok) return { verdict: 'skipped', detail: 'HEAD is refused, and nothing else reports metadata.' }
  const { metadata = {}, contentType, contentDisposition } = found.value ?? {}
  const lost = [
    ...(metadata['probe-name'] === METADATA['probe-name'] ? [] : ['metadata']),
    ...(metadata['sha256'] === store.object.sha256 ? [] : ['the recorded SHA-256']),
    ...(contentType === facts.contentType ? [] : ['Content-Type']),
    ...(contentDisposition === facts.contentDisposition ? [] : ['Content-Disposition']),
  ]
  if (lost.length === 0) return describeSuccess('Metadata, type and disposition come back as they were put.')
  const forgets = `Takes and forgets or changes: ${lost.join(', ')}.`
  if (found.value?.sha256 === store.object.sha256 || !lost.includes('the recorded SHA-256'))
    return { verdict: 'ignored', detail: forgets }
  const detail = `${forgets} The store keeps no checksum either, so each repeat reads the whole object to compare it.`
  return { verdict: 'ignored', detail, promise: `${ONE_OBJECT}, at the price of reading` }
}

async function checkResponseOverrides(store: ProbeStore): Promise<ProbeVerdict> {
  const forced = { contentType: 'image/png', contentDisposition: DISPOSITION }
  const read = await store.readSigned(NAME, forced)
  if (!read.ok)
    return describeStoreRefusal(
      read,
      'Reading through a signed URL',
      'Does this machine reach the endpoint that readers reach, and trust its certificate?',
    )
  const { status, headers, bytes } = read.value
  if (status !== 200) return { verdict: 'refused', detail: `A signed URL is answered with HTTP ${status}.` }
  if (!bytes.equals(store.object.bytes))
    return { verdict: 'failed', detail: 'A signed URL reads other bytes than were put.' }
  const [type, disposition] = [headers.get('content-type'), headers.get('content-disposition')]
  if (type === forced.contentType && disposition === forced.contentDisposition) {
    return describeSuccess('A signed URL forces the type and disposition that it names.')
  }
  const detail = `The type and disposition that a signed URL names are ignored: it answers ${describeValue(type)}. Objects show as they were stored.`
  return { verdict: 'ignored', detail, promise: `${SAFE}, for objects that something else stored` }
}

const TAGS = { probe: 'a b+c', 'probe:2': 'x=y' }

async function checkTags(store: ProbeStore): Promise<ProbeVerdict> {
  const put = await store.put('tagged', store.object, { tags: TAGS })
  if (!put.ok)
    return describeStoreRefusal(put, 'A PUT with tags', 'Leave the option tags out; with it, nothing can be stored.')
  const tags = await store.tags('tagged')
  if (!tags.ok) {
    const isForbidden = tags.status === 403
    const detail = `A PUT with tags is taken, and telling them is refused (${describeReason(tags)})${isForbidden ? ': it takes s3:GetObjectTagging' : ''}.`
    return { verdict: isForbidden ? 'skipped' : 'ignored', detail }
  }
  const isKept = Object.entries(TAGS).every(([name, value]) => tags.value[name] === value)
  return isKept
    ? describeSuccess('Tags come back as they were put.')
    : { verdict: 'ignored', detail: 'Tags are taken, and other ones or none come back.' }
}

async function checkDelete(store: ProbeStore): Promise<ProbeVerdict> {
  const removed = await store.delete(NAME)
  if (!removed.ok) return describeStoreRefusal(removed, 'Deleting an object', 'Nothing can be erased.')
  const read = await store.read(NAME)
  if (read.ok && read.value !== null)
    return { verdict: 'ignored', detail: 'Deleting is answered with success, and the object is still there.' }
  return describeSuccess('Deletes objects.')
}

function describeSuccess(detail: string): ProbeVerdict {
  return { verdict: 'works', detail }
}

/** The store said no, or nothing: a refusal is its own decision, a fault or silence is not. */
function describeStoreRefusal(refusal: Refusal, what: string, consequence: string): ProbeVerdict {
  const { status } = refusal
  const isDecision = status !== undefined && (status < 500 || status === 501) && status !== 408 && status !== 429
  const verb = isDecision ? 'is refused' : 'fails'
  return {
    verdict: isDecision ? 'refused' : 'failed',
    detail: `${what} ${verb} (${describeReason(refusal)}). ${consequence}`,
  }
}

function describeReason({ status, reason }: Refusal): string {
  return status === undefined ? reason : `HTTP ${status} ${reason}`
}

function describeBytes(bytes: Buffer | null): string {
  return bytes === null ? 'nothing' : `${bytes.length} other bytes`
}
