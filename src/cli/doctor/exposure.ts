import type { BucketConnection } from './bucket.js'
import type { Finding, Fix } from './finding.js'
import { describeUnread } from './judgement.js'
import type { ObjectFacts } from './objects.js'
import { blockPublicAccess, type SettingsFacts } from './settings.js'

/**
 * Judges whether strangers can read or list, by the bucket's policy status and by requests without a signature for an
 * object and for a list (`undefined`: there was no object to ask for, or no answer).
 */
export function judgeExposure(
  connection: Pick<BucketConnection, 'bucket' | 'region' | 'command' | 'isAws'>,
  facts: Pick<SettingsFacts, 'policyStatus'> & Pick<ObjectFacts, 'anyoneReads' | 'anyoneLists'>,
): Finding {
  const check = 'public access'
  const { policyStatus, anyoneReads, anyoneLists } = facts
  const isPolicyPublic = policyStatus.kind === 'answer' && policyStatus.value.PolicyStatus?.IsPublic === true
  if (anyoneReads === true || anyoneLists === true || isPolicyPublic) {
    // A list is granted by a statement of the policy, or by the bucket's own access control list.
    const mayBeGrant = isPolicyPublic ? !connection.isAws : anyoneLists === true
    return {
      check,
      severity: 'error',
      finding: `${describeExposure(facts)}: ${describeCause(connection, isPolicyPublic)}`,
      fix: mayBeGrant
        ? withoutGrants(connection)
        : blockPublicAccess(connection, `Block public access, and ${NO_STATEMENT}`),
    }
  }
  if (anyoneReads === false) {
    return anyoneLists === false
      ? { check, severity: 'ok', finding: 'Without a signature, reading and listing are refused' }
      : { check, severity: 'note', finding: 'Without a signature, reading is refused; listing could not be checked' }
  }
  if (policyStatus.kind === 'answer' || policyStatus.kind === 'absent') {
    const listing = anyoneLists === false ? 'listing without a signature is refused, ' : ''
    return {
      check,
      severity: 'ok',
      finding: `The bucket policy is not public; ${listing}reading without a signature was not tried`,
    }
  }
  return { check, ...describeUnread(connection, { action: 's3:GetBucketPolicyStatus', answer: policyStatus }) }
}

const NO_STATEMENT = 'take the statement for everyone (Principal "*") out of the bucket policy'

/**
 * Under a block alone the grants stay: without effect until it is lifted, and public to Ceph's policy status all the
 * while.
 */
function withoutGrants(connection: Pick<BucketConnection, 'command' | 'isAws'>): Fix {
  const advice = `Block public access, make the bucket's access control list private, which ends all other grants in it, too, and ${NO_STATEMENT}`
  const { command, ...fix } = blockPublicAccess(connection, advice)
  return { ...fix, command: `${command}\n${connection.command('put-bucket-acl', '--acl private')}` }
}

function describeCause({ isAws }: Pick<BucketConnection, 'isAws'>, isPolicyPublic: boolean): string {
  if (!isPolicyPublic) return 'look at access control lists and the policy'
  // Ceph's policy status counts the bucket's access control list in.
  return isAws ? 'the bucket policy is public' : 'the bucket policy, or its access control list, is public'
}

function describeExposure({ anyoneReads, anyoneLists }: Pick<ObjectFacts, 'anyoneReads' | 'anyoneLists'>): string {
  if (anyoneLists === true) {
    const alsoRead = anyoneReads === true ? ', and an object read,' : ''
    return `The bucket was listed${alsoRead} without a signature (keys show tenants, dates and types)`
  }
  return anyoneReads === true ? 'An object was read without a signature' : 'The bucket is open to everyone'
}
