import { readFaultName, readField } from '../errors/thrown.js'
import { WhatsAppMediaError } from '../errors.js'
import { defined } from '../json.js'

/** The reason of a failed call, in codes only: messages of errors may repeat a token, a signed URL or a key. */
export interface Refusal {
  ok: false
  /** A code such as `AccessDenied` or `ECONNREFUSED`, else the error's name. */
  reason: string
  /** The HTTP status; absent without an answer. */
  status?: number | undefined
}

/** The codes of an error that a storage, the AWS SDK or Node's `fetch` threw. */
export function readRefusal(error: unknown): Refusal {
  if (WhatsAppMediaError.is(error) && error.code === 'storage-failed') return toRefusal(error)
  // Node's fetch hides the fault in its cause.
  const cause = readField(error, 'cause')
  return toRefusal(readSdkError(readField(cause, 'code') === undefined ? error : cause))
}

function toRefusal({ reason, status }: { reason: string; status?: number | undefined }): Refusal {
  return defined({ ok: false, reason, status } as const)
}

/** The status and the code that an error of the AWS SDK has from the store's answer. */
export function readSdkError(error: unknown): { status: number | undefined; reason: string } {
  const status = readField(readField(error, '$metadata'), 'httpStatusCode')
  // Ceph's error bodies have no message, so the SDK calls them UnknownError: `Code` and the status say more.
  const reason = readFaultName(error, ['Code', 'code', 'name'])
  return { status: typeof status === 'number' ? status : undefined, reason }
}
