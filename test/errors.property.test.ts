import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DownloadFailedError } from '../src/errors.js'

const alphanumeric = (minLength: number, maxLength: number) =>
  fc.string({
    unit: fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'),
    minLength,
    maxLength,
  })
const token = alphanumeric(16, 220).map((rest) => `EA${rest}`)

/** Every piece of `secret` that is long enough to be recognised as one. */
function piecesOf(secret: string, length = 18): string[] {
  return Array.from({ length: secret.length - length + 1 }, (_, at) => secret.slice(at, at + length))
}

function expectNone(shown: string, pieces: readonly string[]): void {
  expect(pieces.filter((piece) => shown.includes(piece))).toEqual([])
}

describe('the cause of an error', () => {
  it('shows no access token, wherever a foreign error keeps one', () => {
    const place = fc.constantFrom<(canary: string) => unknown>(
      (canary) => new Error(`refused ${canary}`),
      (canary) => Object.assign(new Error('x'), { code: canary }),
      (canary) => Object.assign(new Error('x'), { name: canary }),
      (canary) => Object.assign(new Error('x'), { config: { headers: { authorization: canary } } }),
      (canary) => new Error('x', { cause: new Error(canary) }),
      (canary) => new AggregateError([new Error(canary)], `all: ${canary}`),
      (canary) => new DOMException(canary, 'AbortError'),
      (canary) => canary,
      (canary) => ({ token: canary }),
      (canary) => new DownloadFailedError({ host: 'h', problem: 'p', cause: new Error(canary) }),
    )
    fc.assert(
      fc.property(place, token, (make, canary) => {
        const error = new DownloadFailedError({ host: 'h', problem: 'p', cause: make(canary) })
        const inspected = inspect(error, { depth: null, showHidden: true, getters: true })
        expectNone(`${JSON.stringify(error)} ${inspected} ${error.stack}`, piecesOf(canary))
      }),
    )
  })
})
