import { type Paint, PLAIN_PAINT, type Tone } from '../paint.js'
import { decideDoctorExitCode, type Finding, type Fix, type Severity } from './finding.js'

/** The findings for machines, as the command prints them with `--json`. */
export function describeAsJson(findings: readonly Finding[]): string {
  return `${JSON.stringify({ exitCode: decideDoctorExitCode(findings), findings }, null, 2)}\n`
}

const TONES: Readonly<Record<Severity, Tone>> = { ok: 'good', note: 'heading', warning: 'odd', error: 'bad' }

/** The findings for people: a table with one line each, then the fixes. */
export function describeAsText(findings: readonly Finding[], paint: Paint = PLAIN_PAINT): string {
  const width = Math.max(...findings.map(({ check }) => check.length))
  let number = 0
  const rows: string[] = []
  const fixes: string[] = []
  for (const { check, severity, finding, fix } of findings) {
    if (fix !== undefined) fixes.push(`[${++number}] ${check}: ${fixText(fix)}`)
    const mark = fix === undefined ? '' : ` [${number}]`
    rows.push(`${paint(TONES[severity], severity.padEnd(8))} ${check.padEnd(width)}  ${finding}${mark}`)
  }
  const parts = [rows.join('\n'), ...(fixes.length === 0 ? [] : [`Fixes`, ...fixes]), summarizeFindings(findings)]
  return `${parts.join('\n\n')}\n`
}

function fixText({ advice, statements, cors, lifecycle, option, command }: Fix): string {
  const blocks = [...(statements ?? []), cors, lifecycle].filter((block) => block !== undefined)
  const lines = [option, command].filter((line) => line !== undefined)
  const texts = [...blocks.map((block) => JSON.stringify(block, null, 2)), ...lines]
  return [advice + (texts.length === 0 ? '.' : ':'), ...texts.map(indent)].join('\n')
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '    ')
}

const PLURALS: readonly (readonly [Severity, string])[] = [
  ['error', 'errors'],
  ['warning', 'warnings'],
  ['note', 'notes'],
]

function summarizeFindings(findings: readonly Finding[]): string {
  const counts = PLURALS.flatMap(([severity, plural]) => {
    const count = findings.filter((finding) => finding.severity === severity).length
    return count === 0 ? [] : [`${count} ${count === 1 ? severity : plural}`]
  })
  return counts.length === 0 ? 'All is well.' : `${counts.join(', ')}.`
}
