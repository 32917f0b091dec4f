import type { LifecycleRule } from '@aws-sdk/client-s3'
import type { BucketConnection } from './bucket.js'
import type { Finding } from './finding.js'

interface WantedRule {
  /** For people. */
  name: string
  isThere: (rule: LifecycleRule) => boolean
  rule: LifecycleRule
}

/**
 * Judges whether lifecycle rules for the prefix remove uploads that were never completed, remove older versions where
 * there are any, and, on AWS, move objects that nobody reads to a cheaper class.
 */
export function judgeLifecycle(
  connection: Pick<BucketConnection, 'command' | 'isAws'>,
  options: {
    prefix: string
    isVersioned: boolean
    rules: readonly LifecycleRule[]
    /** `TransitionDefaultMinimumObjectSize`, as the bucket answers it. */
    minimumObjectSize?: string | undefined
  },
): Omit<Finding, 'check'> {
  const { prefix, isVersioned, rules, minimumObjectSize } = options
  const reaching = rules.filter((rule) => isForPrefix(rule, prefix))
  const missing = listWantedRules(prefix, { isAws: connection.isAws, isVersioned }).filter(
    ({ isThere }) => !reaching.some(isThere),
  )
  const days = reaching.flatMap(({ Expiration }) => Expiration?.Days ?? [])
  const expiry = days.length === 0 ? '' : `; objects expire after ${Math.min(...days)} days`
  if (missing.length === 0) return { severity: 'ok', finding: `All rules are there${expiry}` }
  const removesVersions = missing.some(({ rule }) => rule.NoncurrentVersionExpiration !== undefined)
  return {
    // Older versions of erased objects are more than a matter of cost.
    severity: removesVersions ? 'warning' : 'note',
    finding: `No rule ${missing.map(({ name }) => name).join(', none ')}${expiry}`,
    fix: {
      advice: `Set this as lifecycle.json; rules that the bucket has already are in it${removesVersions ? SAFETY_NET : ''}`,
      lifecycle: { Rules: [...rules.map(toNewForm), ...missing.map(({ rule }) => giveFreeId(rule, rules))] },
      command: connection.command(
        'put-bucket-lifecycle-configuration',
        `--lifecycle-configuration file://lifecycle.json${buildMinimumSizeOption(minimumObjectSize)}`,
      ),
    },
  }
}

const SAFETY_NET = '. Older versions are then gone after a day: where they are your safety net, set more NoncurrentDays'

/**
 * AWS documents no put that keeps the setting without naming it. It goes into a command that people copy into a shell:
 * only letters, digits and underscores may pass.
 */
function buildMinimumSizeOption(found = ''): string {
  return /^\w+$/.test(found) ? ` --transition-default-minimum-object-size ${found}` : ''
}

function listWantedRules(
  prefix: string,
  { isAws, isVersioned }: { isAws: boolean; isVersioned: boolean },
): WantedRule[] {
  const everywhere = { Status: 'Enabled', Filter: { Prefix: '' } } as const
  const abort: WantedRule = {
    name: 'removes uploads that were never completed',
    isThere: ({ AbortIncompleteMultipartUpload: there }) => there !== undefined,
    rule: { ID: 'abort-multipart', ...everywhere, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } },
  }
  const tiering: WantedRule = {
    name: 'moves objects to a cheaper storage class',
    isThere: ({ Transitions: there = [] }) => there.length > 0,
    rule: {
      ID: 'intelligent-tiering',
      Status: 'Enabled',
      Filter: { Prefix: prefix },
      Transitions: [{ Days: 0, StorageClass: 'INTELLIGENT_TIERING' }],
    },
  }
  const versions: WantedRule = {
    name: 'removes older versions',
    isThere: ({ NoncurrentVersionExpiration: there }) => there !== undefined,
    rule: {
      ID: 'older-versions',
      Status: 'Enabled',
      Filter: { Prefix: prefix },
      NoncurrentVersionExpiration: { NoncurrentDays: 1 },
    },
  }
  return [abort, ...(isAws ? [tiering] : []), ...(isVersioned ? [versions] : [])]
}

/** A rule with a tag or a size in its filter is for some objects only, and counts for none. */
function isForPrefix({ Status, Prefix, Filter }: LifecycleRule, prefix: string): boolean {
  const { And, Prefix: inFilter, ...other } = Filter ?? {}
  const { Prefix: inBoth, ...others } = And ?? {}
  const isForAll = Object.values({ ...other, ...others }).every((value) => value === undefined)
  return Status === 'Enabled' && isForAll && prefix.startsWith(inFilter ?? inBoth ?? Prefix ?? '')
}

/**
 * AWS refuses two rules of one id, and one of ours may be there for another prefix (AWS: Lifecycle configuration
 * elements).
 */
function giveFreeId(rule: LifecycleRule, rules: readonly LifecycleRule[]): LifecycleRule {
  const taken = new Set(rules.map(({ ID }) => ID))
  let id = rule.ID
  for (let count = 2; taken.has(id); count += 1) id = `${rule.ID}-${count}`
  return { ...rule, ID: id }
}

/** AWS refuses a configuration that has rules of the old form beside others. */
function toNewForm({ Prefix, ...rule }: LifecycleRule): LifecycleRule {
  return Prefix === undefined ? rule : { ...rule, Filter: rule.Filter ?? { Prefix } }
}
