import type { Readable } from 'node:stream'
import { StorageFailedError } from '../../errors.js'
import { defined } from '../../json.js'
import type { ObjectStorage, PutOptions, PutResult } from '../../storage.js'
import { toBodyError } from '../checked-body.js'
import { PROXY_PAGE } from '../refusal.js'
import type { Conditions } from './conditions.js'
import { describePage, isStorageFailure, makePassing, NOT_IMPLEMENTED } from './errors.js'
import { createRefusalJudge } from './judge-refusal.js'
import { buildObjectInput, findNames, parseWholeHash, type S3PutAnswer, type S3PutRequest } from './object.js'
import type { S3StorageOptions } from './options.js'
import { runCall } from './run-call.js'

/**
 * The storage's `put`: looks first where the store needs that, sends one PutObject, and believes no answer that can't be
 * true.
 *
 * @param parts `send`: sends the body, and resolves with an answer of success.
 */
export function createPutObject(
  options: S3StorageOptions,
  parts: {
    head: ObjectStorage['head']
    send: (body: Readable, request: S3PutRequest) => Promise<S3PutAnswer>
    conditions: Conditions
  },
): ObjectStorage['put'] {
  const { head, send, conditions } = parts
  const judgeRefusal = createRefusalJudge()
  const putOnce = async (key: string, body: Readable, putOptions: PutOptions): Promise<PutResult> => {
    const { size, sha256, signal } = putOptions
    const unconditional = buildObjectInput(options, putOptions)
    const { isSent, looksFirst } = conditions.plan(putOptions.ifAbsent)
    if (looksFirst && (await isThere(head, key, { signal, isSent }))) return { outcome: 'exists' }
    const input = isSent ? { ...unconditional, IfNoneMatch: '*' } : unconditional
    const call = {
      operation: 'put',
      options,
      key,
      signal,
      findSecrets: () => findNames(putOptions),
    } as const
    const answer = await runCall(call, () => send(body, { key, size, sha256, input, signal })).catch(
      (error: unknown) => {
        if (!isStorageFailure(error) || error.status !== NOT_IMPLEMENTED) throw error
        // A put of the same again looks first, and sends no condition.
        throw conditions.refuse(isSent) ? makePassing(error) : error
      },
    )
    const etag = checkAnswer(key, answer, sha256)
    return { outcome: isSent && conditions.stored(key) ? 'condition-ignored' : 'stored', etag }
  }

  return async (key, body, putOptions) => {
    // The bytes may fail when nobody listens any more, and that must not end the process.
    body.on('error', () => {})
    try {
      return await putOnce(key, body, putOptions)
    } catch (error) {
      if (putOptions.signal?.aborted === true) throw putOptions.signal.reason
      if (!isStorageFailure(error)) throw error
      if (body.errored !== null) throw toBodyError(body.errored, key)
      if (saysExists(error, putOptions)) return { outcome: 'exists' }
      throw judgeRefusal(error)
    } finally {
      body.destroy()
    }
  }
}

/** 304 is the answer to a GET with this condition (RFC 9110, section 13.1.2), and some stores give it to a PUT, too. */
function saysExists({ status }: StorageFailedError, { ifAbsent }: PutOptions): boolean {
  return status === 412 || (status === 304 && ifAbsent)
}

/** @param put `isSent`: the condition goes along, so a store that does not say gets the put all the same. */
async function isThere(
  head: ObjectStorage['head'],
  key: string,
  { signal, isSent }: { signal: AbortSignal | undefined; isSent: boolean },
): Promise<boolean> {
  try {
    return (await head(key, defined({ signal }))) !== null
  } catch (error) {
    if (!isStorageFailure(error) || error.status !== 403) throw error
    if (isSent) return false
    // Without conditions and without a look, a put would overwrite the objects of others.
    const advice = 'The store knows no create-if-absent, and looking first takes the permission s3:GetObject'
    const { operation, reason } = error
    throw new StorageFailedError({ operation, key, reason, status: 403, retryable: false, advice })
  }
}

/** The ETag of an answer of success. @throws StorageFailedError when the answer can't be true. */
function checkAnswer(key: string, { etag, checksum, isEarly, page }: S3PutAnswer, sha256: string): string {
  const refuse = (
    reason: string,
    {
      retryable = true,
      ...more
    }: { retryable?: boolean | undefined; status?: number | undefined; advice?: string | undefined } = {},
  ): StorageFailedError => new StorageFailedError({ operation: 'put', key, reason, retryable, ...more })
  // Early answers are errors; a 200 among them would speak of bytes that the store never got.
  if (isEarly) throw refuse('answered before the body ended')
  // Every S3 answers with the object's ETag (AWS: PutObject); a proxy's page with status 200 does not, and stored
  // nothing.
  if (page !== undefined && etag === undefined) {
    throw refuse(PROXY_PAGE, defined({ status: page.status, advice: describePage(page) }))
  }
  if (etag === undefined) throw refuse('answered without an ETag')
  const acknowledged = parseWholeHash(checksum)
  // The store reports other bytes; no look at our metadata can disprove that, and no other put replaces them.
  if (acknowledged !== undefined && acknowledged !== sha256) {
    throw refuse('acknowledged another SHA-256', { retryable: false })
  }
  return etag
}
