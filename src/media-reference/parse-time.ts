import { types } from 'node:util'
import { describeValue } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'

/** A time without a zone would be another one on another machine, and lead to another key. */
const ISO_TIME = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2}))?$/

/** @throws InvalidOptionError unless it is an ISO 8601 time with its zone, a plain date, or a Date, in the years 0 to 9999. */
export function parseTime(option: string, time: string | Date): Date {
  const isReadable = types.isDate(time) || (typeof time === 'string' && ISO_TIME.test(time))
  const date = new Date(isReadable ? time : Number.NaN)
  const year = date.getUTCFullYear()
  if (year >= 0 && year <= 9_999) return date
  throw new InvalidOptionError({
    option,
    problem: `must be an ISO 8601 time with zone, or a Date, got ${describeValue(time)}`,
  })
}
