import assert from 'node:assert/strict'
import { within } from '../timing/abort.js'

/** One case of a conformance suite, for any test runner. `run` rejects when its requirement is not met in time. */
export interface ConformanceCase {
  /** The rule that the case checks. */
  name: string
  /** Rejects when the implementation fails the case. */
  run(): Promise<void>
}

/** One rule of a suite. */
export interface Requirement<TestCase> {
  name: string
  /** Rejects when the rule is broken. */
  check(testCase: TestCase): Promise<void>
}

/** Runs one check and then cleans up, each within `limitMs` milliseconds. */
export async function runCase(options: {
  /** The implementation under test, for the message of a case that takes too long. */
  subject: 'storage' | 'queue'
  limitMs: number
  check: () => Promise<void>
  cleanUp: () => Promise<void>
}): Promise<void> {
  const { subject, limitMs, check, cleanUp } = options
  const otherwise = (): never => {
    throw new assert.AssertionError({ message: `The ${subject} did not settle within ${limitMs} ms` })
  }
  try {
    await within(limitMs, check(), { otherwise })
  } catch (error) {
    // The broken rule explains more than a failure to clean up after it.
    await within(limitMs, cleanUp(), { otherwise }).catch(() => {})
    throw error
  }
  await within(limitMs, cleanUp(), { otherwise })
}
