import type { Finding } from '../../../src/cli/doctor/finding.js'
import type { DoctorSettings } from '../../../src/cli/doctor/options.js'
import { type DoctorOptions, runDoctor } from '../../../src/cli/doctor.js'
import type { ProbeReport } from '../../../src/storage/s3.js'

export const CREDENTIALS = { accessKeyId: 'AKIDOFATEST', secretAccessKey: 'canary-secret-key-of-a-test' }

/** A probe of a store that does all that it should. */
const goodProbe = async (): Promise<ProbeReport> => ({
  bucket: 'b',
  checks: [{ name: 'write', verdict: 'works', detail: 'Takes a plain PUT.' }],
})

/** Runs the doctor with the settings, and reads its JSON. */
export async function examine(
  settings: Partial<DoctorSettings>,
  options: Partial<Omit<DoctorOptions, 'settings'>> = {},
): Promise<{ exitCode: number; findings: Finding[]; text: string }> {
  let text = ''
  const output = {
    write(piece: string) {
      text += piece
    },
  }
  const exitCode = await runDoctor({
    settings: { origins: [], json: true, probe: true, ...settings },
    output,
    probe: goodProbe,
    ...options,
  })
  const report: { exitCode: number; findings: Finding[] } = JSON.parse(text)
  return { ...report, exitCode, text }
}

/** The findings that are not simply good. */
export function worse(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ severity }) => severity !== 'ok')
}
