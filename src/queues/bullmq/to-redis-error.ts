import { cleanThrown, isError, isName, readErrorName, readField, readTextField } from '../../errors/thrown.js'
import { QueueFailedError } from '../../errors.js'
import { findRefusal } from './refusals.js'

/** ioredis's message for a connection that will not come back. */
export const CONNECTION_CLOSED = 'Connection is closed.'

/**
 * Any fault of Redis, BullMQ or the network as this library's error. Of the fault only name, code and message stay.
 *
 * @param options `redis`: the connection. A Redis quotes the arguments of a command that it does not know, AUTH's
 *   password too.
 */
export function toRedisError(
  operation: QueueFailedError['operation'],
  error: unknown,
  { redis }: { redis?: object | undefined } = {},
): QueueFailedError {
  if (error instanceof QueueFailedError) return error
  const cause = cleanThrown(error, listPasswords(redis))
  return new QueueFailedError({ operation, reason: findReason(error), retryable: true, cause })
}

/** The passwords in the options of an ioredis instance, a cluster's nodes included. */
function listPasswords(redis: object | undefined): string[] {
  const options = readField(redis, 'options')
  return [options, readField(options, 'redisOptions')]
    .flatMap((each) => [readField(each, 'password'), readField(each, 'sentinelPassword')])
    .filter((password) => typeof password === 'string')
}

function findReason(error: unknown): string {
  if (!isError(error)) return 'unknown'
  const message = String(readField(error, 'message'))
  if (message === CONNECTION_CLOSED) return 'closed'
  // Redis's own answers begin with a code for programs: OOM, NOAUTH, READONLY.
  const [word] = /^[A-Z]{2,16}(?= )/.exec(message) ?? []
  const [, own] = [...BULLMQ_FAULTS, ...IOREDIS_FAULTS].find(([start]) => start.test(message)) ?? []
  return [readField(error, 'code'), findRefusal(error), word, own].find(isName) ?? readErrorName(error)
}

/**
 * BullMQ's own errors, which have a number or nothing for a code: a worker was away for longer than `lockMs`, and another
 * one has the job.
 */
const BULLMQ_FAULTS: readonly (readonly [start: RegExp, reason: string])[] = [
  [/^Missing lock for job /, 'lock-missing'],
  [/^Lock mismatch for job /, 'lock-mismatch'],
  [/^could not renew lock/i, 'lock-not-renewed'],
  [/^Missing key for job /, 'job-missing'],
  [/^Job \S{1,256} is not in the /, 'job-elsewhere'],
]

/** ioredis's own errors, which have neither code nor name. */
const IOREDIS_FAULTS: readonly (readonly [start: RegExp, reason: string])[] = [
  [/^(?:Socket timeout\. |Command timed out$)/, 'timeout'],
  [/^All sentinels are unreachable\b/, 'sentinels-unreachable'],
  [/^None of startup nodes is available\b/, 'nodes-unreachable'],
  [/^Too many Cluster redirections\b/, 'too-many-redirections'],
  [/^(?:Node|Cluster) is disconnect(?:ed|ing)\b/, 'disconnected'],
]

/** Whether it is a fault of the way to Redis. The code of Node's errors is a name, that of BullMQ's own a number. */
export function isConnectionFault(error: unknown): boolean {
  const message = readTextField(error, 'message')
  return typeof readField(error, 'code') === 'string' || IOREDIS_FAULTS.some(([start]) => start.test(message))
}
