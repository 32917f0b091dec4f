import { afterEach, expect } from 'vitest'
import { takeSinging, watchCanaries } from './faults/canary-watch.js'

// The AWS SDK warns on Node 20 in every process; the suite runs there on purpose.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true'

watchCanaries()

afterEach(() => {
  expect(takeSinging().map((text) => text.slice(0, 500))).toEqual([])
})
