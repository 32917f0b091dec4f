import fc from 'fast-check'
import { describe, it } from 'vitest'
import { parseGraphError, parseMediaInfo } from '../../src/download/answers.js'
import { parseTimestamp } from '../../src/json.js'
import { parseDownloadUrlExpiry } from '../../src/webhook/payload.js'

describe('readers of the Graph API', () => {
  it('never throw', () => {
    const anything = fc.oneof(
      fc.anything(),
      fc.record({ error: fc.anything(), url: fc.anything(), mime_type: fc.anything() }),
    )
    fc.assert(
      fc.property(anything, fc.string(), (json, url) => {
        parseMediaInfo(json)
        parseGraphError(json)
        parseTimestamp(json)
        parseDownloadUrlExpiry(url)
        parseDownloadUrlExpiry(`https://a.example/?ext=${url}`)
      }),
    )
  })
})
