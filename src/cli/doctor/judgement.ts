import type { BucketAnswer } from './bucket.js'
import type { Finding } from './finding.js'
import { allowOnBucket, type Resource } from './iam.js'

/** A finding of a check whose name is known. */
export type Judgement = Omit<Finding, 'check'>

/** The finding for a setting (`undefined`: nothing is configured), or a note when the store did not return it. */
export function judgeSetting<T>(
  resource: Resource,
  setting: { check: string; action: string; answer: BucketAnswer<T>; judge: (found: T | undefined) => Judgement },
): Finding {
  const { check, action, answer, judge } = setting
  if (answer.kind === 'answer') return { check, ...judge(answer.value) }
  if (answer.kind === 'absent') return { check, ...judge(undefined) }
  return { check, ...describeUnread(resource, { action, answer }) }
}

/** A note: the setting could not be read, and why. */
export function describeUnread(
  resource: Resource,
  { action, answer }: { action: string; answer: Exclude<BucketAnswer<unknown>, { kind: 'answer' }> },
): Judgement {
  const { kind, reason } = answer
  if (kind === 'unsupported') return { severity: 'note', finding: `Not on this server (${reason})` }
  if (kind !== 'denied') return { severity: 'note', finding: `Could not be read (${reason})` }
  return {
    severity: 'note',
    finding: `Not checked: ${action} is denied`,
    fix: {
      advice: 'The archive works without it; to let the doctor look',
      statements: [allowOnBucket(resource, action)],
    },
  }
}
