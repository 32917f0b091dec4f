import type { CORSConfiguration, LifecycleRule } from '@aws-sdk/client-s3'

/** `note`: a fact to know, or a check that could not run. `warning`: it works, and should be repaired. */
export type Severity = 'ok' | 'note' | 'warning' | 'error'

/** The result of one check. */
export interface Finding {
  /** The name of the check, such as `default encryption`. */
  check: string
  severity: Severity
  /** One line. */
  finding: string
  fix?: Fix | undefined
}

/** The repair of a finding: a sentence or two, and the text for a policy, a configuration, your code or a terminal. */
export interface Fix {
  advice: string
  /** For the policy of the role or user that the archive runs as. */
  statements?: readonly IamStatement[] | undefined
  /** The bucket's whole CORS configuration, with the rules that it has. */
  cors?: CORSConfiguration | undefined
  /**
   * The bucket's whole lifecycle configuration, with the rules that it has. Its TransitionDefaultMinimumObjectSize is a
   * parameter of the request, and so of the command.
   */
  lifecycle?: { Rules: LifecycleRule[] } | undefined
  /** The option of this library that repairs it, in the call that takes it. */
  option?: string | undefined
  /** For a shell with the AWS command line, or for the environment; a line each. */
  command?: string | undefined
}

/** AWS: IAM JSON policy elements. */
export interface IamStatement {
  Effect: 'Allow'
  Action: readonly string[]
  Resource: string
  Condition?: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined
}

const SEVERITY_CODES: Readonly<Record<Severity, number>> = { ok: 0, note: 0, warning: 1, error: 2 }

/** 0: nothing to repair; 1: warnings; 2: errors. */
export function decideDoctorExitCode(findings: readonly Finding[]): number {
  return Math.max(0, ...findings.map(({ severity }) => SEVERITY_CODES[severity]))
}
