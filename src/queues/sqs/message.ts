import type { MediaJob } from '../../queues.js'

/** One message, as the long poll and Lambda's events both tell it. */
export interface SqsMessage {
  receiptHandle: string
  /** The job as JSON, and nothing else: a dead letter moved back by hand is a fresh job. */
  body: string
  /** How often SQS has handed it out, this time included. */
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

/** The job of a body, or undefined when it is none. What the job says is for `processJob` to judge. */
export function readJob(body: string): MediaJob | undefined {
  try {
    const job: unknown = JSON.parse(body)
    return isJob(job) ? job : undefined
  } catch {
    return undefined
  }
}

function isJob(job: unknown): job is MediaJob {
  return isObject(job) && 'version' in job && 'accountId' in job && 'media' in job && isObject(job.media)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** A job as a body that may become a dead letter: a download URL is a secret that outlives its use. */
export function toLetter(job: MediaJob): string {
  const { downloadUrl, downloadUrlExpiresAt, ...media } = job.media
  return toBody({ ...job, media })
}

/** What a job holds of strangers, which no error may repeat. Short ones stand in many a text by chance. */
export function secretsOf({ media }: MediaJob): string[] {
  const { filename, caption, from, fromUserId, messageId, downloadUrl } = media
  const told: unknown[] = [filename, caption, from, fromUserId, messageId, downloadUrl]
  return told.filter((text) => typeof text === 'string').filter(({ length }) => length > 3)
}

/** A count as SQS writes it; anything else is none. */
export function countOf(text: string | undefined): number {
  return /^\d{1,9}$/.test(text ?? '') ? Number(text) : 0
}
