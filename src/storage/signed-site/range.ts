import { isRangeCurrent, type Validators } from './conditions.js'

/** The bytes that a request asks for, `end` exclusive. */
export type AskedRange = { kind: 'whole' | 'part'; start: number; end: number } | { kind: 'unsatisfiable' }

/** The one range that is asked for. Several ranges get the whole, which RFC 9110 (section 14.2) allows. */
export function parseRange(request: Request, { size, ...validators }: Validators & { size: number }): AskedRange {
  const whole = { kind: 'whole', start: 0, end: size } as const
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.get('range') ?? '') ?? []
  if (request.method === 'HEAD' || first === undefined || last === undefined || first + last === '') return whole
  if (!isRangeCurrent(request.headers, validators)) return whole
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1)
  if (first !== '' && last !== '' && Number(last) < start) return whole
  return start < end ? { kind: 'part', start, end } : { kind: 'unsatisfiable' }
}
