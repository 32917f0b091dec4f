import type { BucketConnection } from './doctor-bucket.js'
import type { Finding } from './doctor-finding.js'
import { unsaid } from './doctor-judgement.js'
import { blockPublicAccess, type SettingsFacts } from './doctor-settings.js'

/**
 * Whether strangers can read: what the bucket's policy says, and what came of asking for an object without a signature
 * (`undefined`: there was no object to ask for).
 */
export function checkExposure(
  connection: Pick<BucketConnection, 'bucket' | 'region' | 'command' | 'isAws'>,
  { policyStatus, anyoneReads }: Pick<SettingsFacts, 'policyStatus'> & { anyoneReads: boolean | undefined },
): Finding {
  const check = 'public access'
  const isPolicyPublic = policyStatus.kind === 'answer' && policyStatus.value.PolicyStatus?.IsPublic === true
  if (anyoneReads === true || isPolicyPublic) {
    const read = anyoneReads === true ? 'An object was read without a signature' : 'The bucket is open to everyone'
    return {
      check,
      severity: 'error',
      finding: `${read}: ${isPolicyPublic ? 'the bucket policy is public' : 'look at access control lists and the policy'}`,
      fix: blockPublicAccess(
        connection,
        'Block public access, and take the statement for everyone (Principal "*") out of the bucket policy',
      ),
    }
  }
  if (anyoneReads === false) return { check, severity: 'ok', finding: 'Without a signature, reading is refused' }
  if (policyStatus.kind === 'answer' || policyStatus.kind === 'absent') {
    return {
      check,
      severity: 'ok',
      finding: 'The bucket policy is not public; reading without a signature was not tried',
    }
  }
  return { check, ...unsaid(connection, { action: 's3:GetBucketPolicyStatus', answer: policyStatus }) }
}
