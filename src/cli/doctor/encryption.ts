import { randomUUID } from 'node:crypto'
import type { ServerSideEncryptionConfiguration } from '@aws-sdk/client-s3'
import { defined } from '../../json.js'
import type { BucketAnswer, BucketConnection } from './bucket.js'
import type { Finding } from './finding.js'
import { type Judgement, judgeSetting } from './judgement.js'

/** The bucket's default encryption. */
export type EncryptionAnswer = BucketAnswer<{
  ServerSideEncryptionConfiguration?: ServerSideEncryptionConfiguration | undefined
}>

/** The key of SSE-KMS, where the bucket names one. */
export function findKmsKey(answer: EncryptionAnswer): string | undefined {
  return findEncryptionRule(answer)?.ApplyServerSideEncryptionByDefault?.KMSMasterKeyID
}

function findEncryptionRule(answer: EncryptionAnswer) {
  return answer.kind === 'answer' ? answer.value.ServerSideEncryptionConfiguration?.Rules?.[0] : undefined
}

/** Checks whether new objects are encrypted. `mayTry`: the doctor can write an object and remove it. */
export async function examineEncryption(
  connection: BucketConnection,
  { prefix, answer, mayTry }: { prefix: string; answer: EncryptionAnswer; mayTry: boolean },
): Promise<Finding> {
  const isUnset = answer.kind === 'absent' || (answer.kind === 'answer' && findEncryptionRule(answer) === undefined)
  const isOffered = connection.isAws || !isUnset || !mayTry || (await canEncrypt(connection, prefix))
  return judgeSetting(connection, {
    check: 'default encryption',
    action: 's3:GetEncryptionConfiguration',
    answer,
    judge: () => (isOffered ? judgeEncryption(connection, findEncryptionRule(answer)) : NOT_OFFERED),
  })
}

const NOT_OFFERED: Judgement = {
  severity: 'note',
  finding: 'Objects are stored unencrypted: this server has no keys (SSE-S3)',
  fix: {
    advice: 'Encrypt its disks, or give the server keys; a default encryption without keys would refuse every write',
  },
}

/** A server without keys accepts a default encryption, and refuses every put from then on (Ceph 20). */
async function canEncrypt({ sdk, bucket, ask }: BucketConnection, prefix: string): Promise<boolean> {
  const object = { Bucket: bucket, Key: `${prefix}doctor/${randomUUID()}.txt` }
  const put = await ask((client, options) =>
    client.send(new sdk.PutObjectCommand({ ...object, Body: 'Encrypted?', ServerSideEncryption: 'AES256' }), options),
  )
  if (put.kind !== 'answer') return false
  await ask((client, options) => client.send(new sdk.DeleteObjectCommand(object), options))
  // Other stores accept the header and ignore it.
  return put.value.ServerSideEncryption === 'AES256'
}

type Rule = NonNullable<ServerSideEncryptionConfiguration['Rules']>[number]

function judgeEncryption({ command }: BucketConnection, rule: Rule | undefined): Judgement {
  const { SSEAlgorithm: algorithm, KMSMasterKeyID: keyId } = rule?.ApplyServerSideEncryptionByDefault ?? {}
  const encrypt = (wanted: Rule): string =>
    command('put-bucket-encryption', `--server-side-encryption-configuration '${JSON.stringify({ Rules: [wanted] })}'`)
  if (algorithm === undefined) {
    return {
      severity: 'warning',
      finding: 'Objects are stored unencrypted: the bucket has no default encryption',
      fix: {
        advice: 'Turn it on, with keys that the store keeps (SSE-S3)',
        command: encrypt({ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }),
      },
    }
  }
  if (algorithm === 'aws:kms' && rule?.BucketKeyEnabled !== true) {
    const byDefault = defined({ SSEAlgorithm: algorithm, KMSMasterKeyID: keyId })
    return {
      severity: 'note',
      finding: 'SSE-KMS without a bucket key: each write and each read calls KMS',
      fix: {
        advice: 'Turn the bucket key on',
        command: encrypt({ ApplyServerSideEncryptionByDefault: byDefault, BucketKeyEnabled: true }),
      },
    }
  }
  return { severity: 'ok', finding: algorithm === 'AES256' ? 'SSE-S3' : algorithm }
}
