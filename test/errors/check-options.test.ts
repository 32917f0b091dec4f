import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { checkOptions, type OptionNames } from '../../src/errors/check-options.js'
import { InvalidOptionError } from '../../src/errors.js'

interface Options {
  bucket: string
  region?: string | undefined
}

const NAMES: OptionNames<Options> = { bucket: true, region: true }

function refusal(given: unknown, place?: Parameters<typeof checkOptions>[2]): InvalidOptionError {
  try {
    checkOptions(given, NAMES, place)
  } catch (error) {
    if (error instanceof InvalidOptionError) return error
  }
  throw new Error('nothing was refused')
}

describe('passes', () => {
  class Settings {
    readonly bucket = 'media'
    readonly cache = new Map()
  }
  const inherited: unknown = Object.create({ bucket: 'media', odd: 1 })

  it.each([
    ['all names', { bucket: 'media', region: 'eu-central-1' }],
    ['no name', {}],
    ['an object without prototype', Object.assign(Object.create(null), { bucket: 'media' })],
    ['an object of another realm', runInNewContext('({ bucket: "media" })')],
    ['an unknown name whose value is undefined', { bucket: 'media', regoin: undefined }],
    ['a symbol', { bucket: 'media', [Symbol('own')]: 1 }],
    ['a name that is not enumerable', Object.defineProperty({ bucket: 'media' }, 'regoin', { value: 1 })],
    ['an instance of a class, with fields of its own', new Settings()],
    ['an object that inherits its options', inherited],
  ])('%s', (_, given) => {
    expect(() => checkOptions(given, NAMES)).not.toThrow()
  })

  it('names that a polluted prototype adds', () => {
    Object.defineProperty(Object.prototype, 'regoin', {
      value: 1,
      enumerable: true,
      configurable: true,
      writable: true,
    })
    try {
      expect(() => checkOptions({ bucket: 'media' }, NAMES)).not.toThrow()
    } finally {
      Reflect.deleteProperty(Object.prototype, 'regoin')
    }
  })
})

describe('refuses a name', () => {
  it.each([
    [{ regoin: 'x' }, 'regoin', 'unknown option regoin; did you mean region?'],
    [{ bucket: 'media', Region: 'x' }, 'Region', 'unknown option Region; did you mean region?'],
    [{ regoin: null }, 'regoin', 'unknown option regoin; did you mean region?'],
    [{ retries: 3 }, 'retries', 'unknown option retries; known are bucket, region'],
    [{ constructor: 3 }, 'constructor', 'unknown option constructor; known are bucket, region'],
    [JSON.parse('{"__proto__":1}'), '__proto__', 'unknown option __proto__; known are bucket, region'],
    [runInNewContext('({ regoin: 1 })'), 'regoin', 'unknown option regoin; did you mean region?'],
  ])('%j', (given, option, message) => {
    expect(refusal(given)).toMatchObject({ code: 'invalid-option', retryable: false, option, message })
  })

  it('by its path in an option', () => {
    const error = refusal({ regoin: 1 }, { option: 'store' })
    expect(error).toMatchObject({
      option: 'store.regoin',
      message: 'unknown option store.regoin; did you mean store.region?',
    })
  })

  it('without showing one that may be a secret', () => {
    const token = `EAA${'Gm0PX4ZCpsBA'.repeat(4)}`
    expect(refusal({ [token]: 1 }).message).not.toContain(token)
    expect(refusal({ '+1 202 555 0143': 1 }).message).not.toContain('555')
  })
})

describe('refuses what is no object of options', () => {
  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [7, '7'],
    ['media', "'media'"],
    [[], 'an array of 0'],
    [() => {}, 'a value of type function'],
    [Promise.resolve({}), 'a Promise (await it)'],
    [Buffer.from('x'), 'a value of type object'],
    [new Map([['bucket', 'media']]), 'a value of type object'],
    [new Date(), 'a value of type object'],
  ])('%s', (given, shown) => {
    const message = `options must be an object, got ${shown}; known are bucket, region`
    expect(refusal(given)).toMatchObject({ option: 'options', message })
  })

  it('says when it was swapped with the argument before it', () => {
    const swapped = 'the two are swapped: key comes first, then the options; known are bucket, region'
    const before = { after: { key: { bucket: 'media' } } }
    expect(refusal('a/b.jpg', before).message).toContain(swapped)
    expect(refusal({ mediaId: '1' }, before).message).toContain(swapped)
    expect(refusal({ mediaId: '1' }, { after: { key: {} } }).message).not.toContain('swapped')
    expect(refusal({ mediaId: '1' }, { after: { key: 'a' } }).message).not.toContain('swapped')
  })
})

it('refuses only slips where other names may be', () => {
  const open = { option: 'parts', isOpen: true }
  expect(() => checkOptions({ bucket: 'media', caption: 'x', regoin: undefined }, NAMES, open)).not.toThrow()
  expect(() => checkOptions({ region: 'x', regions: ['x'] }, NAMES, open)).not.toThrow()
  expect(refusal({ regoin: 'x' }, open).message).toBe('unknown option parts.regoin; did you mean parts.region?')
})
