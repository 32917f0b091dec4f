import type { ProbeCheck, ProbeCheckName, ProbeOptions, ProbeReport, S3StorageOptions } from '../../storage/s3.js'
import type { Finding, Fix, Severity } from './finding.js'
import { allowOnObjects, type Resource } from './iam.js'

/** `probeS3`. */
export type Probe = (options: S3StorageOptions, probeOptions: ProbeOptions) => Promise<ProbeReport>

/** The probe's checks as findings of the doctor. */
export function judgeProbe(
  { checks }: Pick<ProbeReport, 'checks'>,
  resource: Resource & { prefix: string },
): Finding[] {
  return checks.map((check) => {
    const { name, verdict, detail, promise } = check
    const severity = rateCheck(check)
    const isWorse = severity !== 'ok' && verdict !== 'skipped'
    return {
      check: `probe: ${name}`,
      severity,
      finding: isWorse && promise !== undefined ? `${detail} Only best effort here: ${promise}.` : detail,
      ...(isWorse ? { fix: chooseFix(check, resource) } : {}),
    }
  })
}

/** The severity of a failed check that touches no promise. */
const WITHOUT_PROMISE: Readonly<Partial<Record<ProbeCheckName, Severity>>> = {
  // This library never sends such bodies, and few apps use tags.
  framing: 'note',
  tags: 'note',
  metadata: 'warning',
  delete: 'warning',
}

function rateCheck({ name, verdict, promise }: ProbeCheck): Severity {
  if (verdict === 'works') return 'ok'
  if (verdict === 'skipped') return 'note'
  if (promise === undefined) return WITHOUT_PROMISE[name] ?? 'error'
  return verdict === 'failed' ? 'error' : 'warning'
}

function chooseFix({ name, verdict }: ProbeCheck, resource: Resource & { prefix: string }): Fix {
  if (name === 'conditional-create' && verdict === 'ignored') {
    return { advice: 'Look before each put', option: 'createS3Storage({ bucket, conditionalWrites: false })' }
  }
  if (name === 'tags') {
    const statements = [allowOnObjects(resource, 's3:PutObjectTagging', 's3:GetObjectTagging')]
    return {
      advice: 'Leave out the option tags of createS3Storage; where the store knows tags, this allows them',
      statements,
    }
  }
  if (name === 'delete' && verdict === 'failed') {
    return { advice: 'Remove by hand the objects left there' }
  }
  if (name === 'delete' && verdict === 'refused') {
    return { advice: 'Allow it to the role that erases', statements: [allowOnObjects(resource, 's3:DeleteObject')] }
  }
  return {
    advice: 'No setting of this library helps: use another store, or accept that the promise is best effort here',
  }
}
