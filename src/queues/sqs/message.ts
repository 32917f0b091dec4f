import { isObject, parseJson, toObject } from '../../json.js'
import type { MediaJob } from '../../queues.js'

/** One message, as the long poll and Lambda's events both give it. */
export interface SqsMessage {
  receiptHandle: string
  /** The job as JSON, and nothing else: a dead letter moved back by hand is a fresh job. */
  body: string
  /** Times that SQS has handed it out, this time included. */
  receiveCount: number
  /** Attempts that were counted before this message replaced another. */
  attempts: number
}

/** Name of the attribute that holds `SqsMessage.attempts`. */
export const ATTEMPTS_ATTRIBUTE = 'attempts'

/** A job as a message's body. */
export function toBody(job: MediaJob): string {
  // JSON leaves two characters as they are that SQS refuses (AWS: SendMessage); and other servers refuse all emoji.
  return JSON.stringify(job).replace(/[\uD800-\uDFFF\uFFFE\uFFFF]/g, (char) => `\\u${char.charCodeAt(0).toString(16)}`)
}

/** The job of a body, or undefined when it is none. `processJob` judges the job's fields. */
export function parseBody(body: string): MediaJob | undefined {
  const job = parseJson(body)
  return isJob(job) ? job : undefined
}

function isJob(job: unknown): job is MediaJob {
  if (!isObject(job) || !('version' in job && 'accountId' in job)) return false
  return typeof job['media'] === 'object' && job['media'] !== null
}

/** Texts of a job that are personal or secret, which no error may repeat. Short ones stand in many a text by chance. */
export function findSecrets({ media }: MediaJob): string[] {
  const { filename, caption, from, fromUserId, contact, group, messageId, downloadUrl, encryption } = media
  const people: unknown[] = [from, fromUserId, ...Object.values(toObject(contact)), group]
  const texts: unknown[] = [
    filename,
    caption,
    ...people,
    messageId,
    downloadUrl,
    ...Object.values(toObject(encryption)),
  ]
  return texts.filter((text) => typeof text === 'string').filter(({ length }) => length > 3)
}

/** A count as SQS writes it; anything else is none. */
export function parseSqsCount(text: string | undefined): number {
  return /^\d{1,9}$/.test(text ?? '') ? Number(text) : 0
}
