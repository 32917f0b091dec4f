import { describe, expect, it } from 'vitest'
import { findUnmetCondition, isRangeCurrent } from '../../../src/storage/signed-site/conditions.js'

const ETAG = '"abc"'
const modified = new Date('1994-11-06T08:49:37.900Z')
const [SAME, BEFORE, AFTER] = [37, 36, 38].map((second) => `Sun, 06 Nov 1994 08:49:${second} GMT`)

describe('findUnmetCondition(), in the order of RFC 9110', () => {
  it.each<[Record<string, string | undefined>, 304 | 412 | undefined]>([
    [{}, undefined],
    [{ 'if-match': ETAG }, undefined],
    [{ 'if-match': `"x,y" , ${ETAG}` }, undefined],
    [{ 'if-match': '*' }, undefined],
    [{ 'if-match': '"other"' }, 412],
    [{ 'if-match': `W/${ETAG}` }, 412],
    [{ 'if-match': '' }, 412],
    [{ 'if-match': ETAG, 'if-unmodified-since': BEFORE }, undefined],
    [{ 'if-match': '"other"', 'if-unmodified-since': SAME }, 412],
    [{ 'if-match': '"other"', 'if-none-match': ETAG }, 412],
    [{ 'if-unmodified-since': SAME }, undefined],
    [{ 'if-unmodified-since': AFTER }, undefined],
    [{ 'if-unmodified-since': BEFORE }, 412],
    [{ 'if-unmodified-since': BEFORE, 'if-none-match': ETAG }, 412],
    [{ 'if-unmodified-since': 'yesterday' }, undefined],
    [{ 'if-none-match': ETAG }, 304],
    [{ 'if-none-match': `W/${ETAG}` }, 304],
    [{ 'if-none-match': `"other",${ETAG}` }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"other"' }, undefined],
    [{ 'if-none-match': 'abc' }, undefined],
    [{ 'if-none-match': '"other"', 'if-modified-since': SAME }, undefined],
    [{ 'if-match': ETAG, 'if-none-match': ETAG }, 304],
    [{ 'if-modified-since': SAME }, 304],
    [{ 'if-modified-since': AFTER }, 304],
    [{ 'if-modified-since': BEFORE }, undefined],
    [{ 'if-modified-since': 'Sunday, 06-Nov-94 08:49:37 GMT' }, 304],
    [{ 'if-modified-since': 'Sun Nov  6 08:49:37 1994' }, 304],
    [{ 'if-modified-since': 'Sun Nov  6 08:49:36 1994' }, undefined],
    [{ 'if-modified-since': `${AFTER}, ${AFTER}` }, undefined],
    [{ 'if-modified-since': '2999' }, undefined],
    [{ 'if-modified-since': 'Sun, 99 Nov 2994 08:49:37 GMT' }, undefined],
    [{ 'if-unmodified-since': AFTER, 'if-modified-since': SAME }, 304],
  ])('%j ends it with %s', (headers, status) => {
    expect(findUnmetCondition(toHeaders(headers), { etag: ETAG, modified })).toBe(status)
  })

  it('knows no tag of an object without one', () => {
    const unknown = { etag: null, modified }
    expect(findUnmetCondition(toHeaders({ 'if-match': '"null"' }), unknown)).toBe(412)
    expect(findUnmetCondition(toHeaders({ 'if-match': '*' }), unknown)).toBeUndefined()
    expect(findUnmetCondition(toHeaders({ 'if-none-match': 'W/"null"' }), unknown)).toBeUndefined()
  })
})

describe('isRangeCurrent()', () => {
  it.each<[string | undefined, boolean]>([
    [undefined, true],
    [ETAG, true],
    ['"other"', false],
    [`W/${ETAG}`, false],
    ['*', false],
    [SAME, true],
    [AFTER, false],
    [BEFORE, false],
    ['', false],
  ])('If-Range %s is %s', (ifRange, expected) => {
    expect(isRangeCurrent(toHeaders({ 'if-range': ifRange }), { etag: ETAG, modified })).toBe(expected)
  })
})

function toHeaders(headers: Record<string, string | undefined>): Headers {
  return new Headers(Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}
