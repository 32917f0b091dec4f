import { describe, expect, it } from 'vitest'
import { noteHash, type SeenHash } from '../../src/archive/plan.js'
import { DownloadFailedError, IntegrityMismatchError } from '../../src/errors.js'

const [first, second] = ['a'.repeat(64), 'b'.repeat(64)]

describe('noteHash', () => {
  const noted = (...errors: (IntegrityMismatchError | DownloadFailedError)[]): SeenHash => {
    const seen: SeenHash = {}
    for (const error of errors) noteHash(error, seen)
    return seen
  }
  const mismatch = (observedSha256: string | undefined, observedSize: number | undefined) =>
    new IntegrityMismatchError({ problem: 'Other bytes', expectedSize: 7, observedSize, observedSha256 })
  const page = new IntegrityMismatchError({ problem: 'A page came' })
  const cut = new DownloadFailedError({ host: 'lookaside.fbsbx.com', problem: 'the body broke off' })

  it('keeps the last hash of a whole body', () => {
    expect(noted(mismatch(first, 7))).toEqual({ sha256: first })
    expect(noted(mismatch(first, 7), mismatch(second, 7))).toEqual({ sha256: second })
  })

  it('keeps it over faults that say nothing about the bytes', () => {
    expect(noted(mismatch(first, 7), cut, page, mismatch(second, 6))).toEqual({ sha256: first })
  })
})
