import { describe, expect, it } from 'vitest'
import { createCanaryScanner, textsOf } from './canaries.js'

const scanner = createCanaryScanner({
  token: 'EAAcanary0Token1Of2Nobody',
  phone: '12025550177',
  name: 'Quimby März.pdf',
})
const phone = '12025550177'

describe('createCanaryScanner', () => {
  it.each([
    ['as it is', 'the token EAAcanary0Token1Of2Nobody is bad', ['token']],
    ['cut short', 'the token EAAcanary0T…', ['token']],
    ['its end', '…1Of2Nobody', ['token']],
    ['in another case', 'EAACANARY0TOKEN1', ['token']],
    ['in base64', `x${Buffer.from(`me ${phone}`).toString('base64')}`, ['phone']],
    ['in a message id', `wamid.HBgL${Buffer.from(`${phone}\u0015`).toString('base64')}`, ['phone']],
    ['in base64url', Buffer.from(`>>>???${phone}`).toString('base64url'), ['phone']],
    ['in base64 of base64', Buffer.from(Buffer.from(phone).toString('base64')).toString('base64'), ['phone']],
    ['percent-encoded', encodeURIComponent('Quimby März.pdf'), ['name']],
    ['in JSON', '{"a":"Quimby M\\u00e4rz.pdf"}', ['name']],
    ['with separators', '+1 (202) 555-0177', ['phone']],
    ['in entities', '&#x45;&#x41;&#x41;&#x63;&#x61;&#x6e;&#x61;&#x72;&#x79;', ['token']],
    ['with zero width spaces', [...'EAAcanary0Token'].join('\u200b'), ['token']],
    ['with controls', [...'EAAcanary0Token'].join('\u0001'), ['token']],
    ['with blanks', [...'EAAcanary0Token'].join(' '), ['token']],
    ['in hex', `x${Buffer.from('EAAcanary0Token').toString('hex')}`, ['token']],
    ['not at all', 'EAA, 1202, Quimby', []],
  ])('finds a canary %s', (_name, text, found) => {
    expect(scanner.find(text)).toEqual(found)
  })
})

describe('textsOf', () => {
  it.each<[string, unknown]>([
    ['a message', new Error(phone)],
    ['a stack', Object.assign(new Error('x'), { stack: phone })],
    ['a cause of a cause', new Error('x', { cause: new Error('y', { cause: { phone } }) })],
    ['a property', Object.assign(new Error('x'), { phone })],
    ['a hidden property', Object.defineProperty(new Error('x'), 'request', { value: { headers: { phone } } })],
    [
      'an object without a prototype',
      Object.assign(new Error('x'), { bag: Object.assign(Object.create(null), { phone }) }),
    ],
    ['JSON', Object.assign(new Error('x'), { toJSON: () => phone })],
    ['a deep property', { a: { b: { c: { d: { e: { f: phone } } } } } }],
  ])('shows %s', (_name, value) => {
    expect(textsOf(value).flatMap((text) => scanner.find(text))).toContain('phone')
  })
})
