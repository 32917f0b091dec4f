import { checkOptions, type OptionNames } from '../../errors/check-options.js'
import { checkOneOf, checkText, checkWhole } from '../../errors/checks.js'
import { describeValue } from '../../errors/describe.js'
import { InvalidOptionError } from '../../errors.js'
import { isObject } from '../../json.js'
import type { Fault } from './faults.js'

type FaultsOf<Kind extends Fault['kind']> = Extract<Fault, { kind: Kind }>

const TARGETS: readonly Fault['on'][] = [
  ...(['look-up', 'download', 'flow-download', 'delete', 'upload'] as const),
  ...(['template-begin', 'template', 'template-offset', 'send'] as const),
]

const SHARED = { on: true, kind: true, times: true, mediaId: true } as const
const HALTING = { ...SHARED, afterBytes: true } as const

/** The fields of a fault, by its kind. */
const FAULT_FIELDS: { readonly [Kind in Fault['kind']]: OptionNames<FaultsOf<Kind>> } = {
  status: { ...SHARED, status: true, body: true, headers: true },
  reset: HALTING,
  'close-early': HALTING,
  stall: HALTING,
  drip: { ...SHARED, bytes: true, everyMs: true },
  'flip-bit': { ...SHARED, offset: true },
  'short-body': SHARED,
  'long-body': SHARED,
  empty: SHARED,
  'html-page': SHARED,
  'json-page': SHARED,
  redirect: { ...SHARED, to: true, status: true },
  gzip: SHARED,
  endless: SHARED,
  chunked: SHARED,
  'wrong-size': SHARED,
  'no-size': SHARED,
  'wrong-sha256': SHARED,
  'no-sha256': SHARED,
  'malformed-json': SHARED,
}

const FIELDS_BY_KIND = new Map<unknown, Readonly<Record<string, true>>>(Object.entries(FAULT_FIELDS))

/** A slip in `kind` must not hide behind a field that only the kind that was meant has. */
const ALL_FIELDS: Readonly<Record<string, true>> = Object.assign({}, ...FIELDS_BY_KIND.values())

/** Statuses of a redirect that `Fault` names. */
const REDIRECTS: readonly unknown[] = [301, 302, 303, 307, 308]

/**
 * Refuses a fault that would hit nothing, or not as it was meant: a test would pass without it.
 *
 * @throws InvalidOptionError that names the field, with the nearest known name.
 */
export function checkFault(fault: unknown): void {
  checkOptions(fault, ALL_FIELDS, { option: 'fault' })
  const given = new Map<string, unknown>(Object.entries(fault))
  checkOneOf('fault.on', given.get('on'), TARGETS)
  const kind = given.get('kind')
  const fields = FIELDS_BY_KIND.get(kind)
  if (fields === undefined) return void checkOneOf('fault.kind', kind, Object.keys(FAULT_FIELDS))
  checkOptions(fault, fields, { option: 'fault' })
  if (kind === 'status') checkWhole('fault.status', given.get('status'), { least: 100, most: 999 })
  if (kind === 'redirect') {
    checkText('fault.to', given.get('to'))
    checkRedirect(given.get('status'))
  }
  for (const [name, check] of CHECKS) {
    const value = given.get(name)
    if (value !== undefined) check(value, `fault.${name}`)
  }
}

function checkRedirect(status: unknown): void {
  if (status === undefined || REDIRECTS.includes(status)) return
  const problem = `must be ${REDIRECTS.slice(0, -1).join(', ')} or ${REDIRECTS.at(-1)}, got ${describeValue(status)}`
  throw new InvalidOptionError({ option: 'fault.status', problem })
}

/** The checks of fields that may be left out. */
const CHECKS: readonly (readonly [name: string, check: (value: unknown, option: string) => void])[] = [
  ['times', (value, option) => value === Number.POSITIVE_INFINITY || checkWhole(option, value, { least: 0 })],
  ['mediaId', (value, option) => checkText(option, value)],
  ['body', (value, option) => checkText(option, value)],
  ['headers', checkHeaders],
  ['afterBytes', (value, option) => checkWhole(option, value, { least: 0, unit: 'of bytes' })],
  ['bytes', (value, option) => checkWhole(option, value, { unit: 'of bytes' })],
  ['everyMs', (value, option) => checkWhole(option, value, { least: 0, unit: 'of milliseconds' })],
  ['offset', (value, option) => checkWhole(option, value, { least: 0 })],
]

function checkHeaders(headers: unknown, option: string): void {
  if (isObject(headers)) return
  throw new InvalidOptionError({
    option,
    problem: `must be an object of names and values, got ${describeValue(headers)}`,
  })
}
