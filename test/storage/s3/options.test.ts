import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeMetadata } from '../../../src/file-type/filename.js'
import { checkMetadata, encodeTags } from '../../../src/storage/s3/options.js'
import { createS3Storage, type S3StorageOptions } from '../../../src/storage/s3.js'

/** As long as each tag may be: ten of them are more than a request's headers may hold, unless they are plain. */
const tenTags = (letter: string): Record<string, string> =>
  Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`${index}${letter.repeat(127)}`, letter.repeat(256)]))

describe('createS3Storage', () => {
  it.each<[string, object]>([
    ['encryption.type', { encryption: { type: 'AES256' } }],
    ['encryption', { encryption: 'SSE-S3' }],
    ['encryption', { encryption: null }],
    ['encryption', { encryption: { type: 'SSE-S3', keyId: 'k' } }],
    ['encryption', { encryption: { type: 'SSE-S3', bucketKey: true } }],
    ['encryption.keyId', { encryption: { type: 'SSE-KMS', keyId: '' } }],
    ['encryption.keyId', { encryption: { type: 'SSE-KMS', keyId: 'a b\r\n' } }],
    ['encryption.keyId', { encryption: { type: 'SSE-KMS', keyId: 7 } }],
    ['encryption.bucketKey', { encryption: { type: 'SSE-KMS', bucketKey: 'yes' } }],
    ['storageClass', { storageClass: 'standard' }],
    ['storageClass', { storageClass: 'A\r\nB' }],
    ['cacheControl', { cacheControl: '' }],
    ['cacheControl', { cacheControl: 'private\r\nx: y' }],
    ['cacheControl', { cacheControl: 'für immer' }],
    ['expectedBucketOwner', { expectedBucketOwner: '12345' }],
    ['expectedBucketOwner', { expectedBucketOwner: 123456789012 }],
    ['conditionalWrites', { conditionalWrites: 'no' }],
    ['tags', { tags: { '': 'x' } }],
    ['tags', { tags: { 'aws:tenant': 'x' } }],
    ['tags', { tags: { 'AWS:tenant': 'x' } }],
    ['tags', { tags: { 'a&b': 'x' } }],
    ['tags', { tags: { a: 'x&role=admin' } }],
    ['tags', { tags: { a: 7 } }],
    ['tags', { tags: { ['n'.repeat(129)]: 'x' } }],
    ['tags', { tags: { a: 'v'.repeat(257) } }],
    ['tags', { tags: tenTags('ä') }],
    ['tags', { tags: Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`t${index}`, ''])) }],
  ])('refuses a bad %s at once: %j', (option, wrong) => {
    const options = { bucket: 'media', ...wrong } as S3StorageOptions
    expect(() => createS3Storage(options)).toThrow(expect.objectContaining({ code: 'invalid-option', option }))
  })

  it.each<[object]>([
    [{ encryption: { type: 'SSE-S3' } }],
    [{ encryption: { type: 'SSE-KMS' } }],
    [{ encryption: { type: 'SSE-KMS', keyId: 'arn:aws:kms:eu-central-1:123456789012:key/0-a', bucketKey: false } }],
    [{ storageClass: 'INTELLIGENT_TIERING', cacheControl: 'private, max-age=5', expectedBucketOwner: '012345678901' }],
    [{ tags: tenTags('n') }],
    [{ tags: { ['n'.repeat(128)]: 'v'.repeat(256), 'Größe +-=._:/@': '' }, conditionalWrites: true }],
  ])('takes %j', (options) => {
    expect(() => createS3Storage({ bucket: 'media', ...options })).not.toThrow()
  })

  it('says that it does not create atomically where its options say so', () => {
    expect(createS3Storage({ bucket: 'media' }).capabilities.conditionalCreate).toBe(true)
    expect(createS3Storage({ bucket: 'media', conditionalWrites: false }).capabilities.conditionalCreate).toBe(false)
  })
})

describe('encodeTags', () => {
  it('encodes every part', () => {
    expect(encodeTags({ 'a b': 'c+d=e', 'ä:/@': '' })).toBe('a%20b=c%2Bd%3De&%C3%A4%3A%2F%40=')
    expect(encodeTags({})).toBe('')
  })

  it('never lets a value set another tag', () => {
    const part = fc.string({ unit: fc.constantFrom(...'aZ9 +-=._:/@ä✓'), minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(fc.dictionary(part, part, { maxKeys: 10, noNullPrototype: true }), (tags) => {
        const names = Object.keys(tags).some((name) => name.includes('✓') || tags[name]?.includes('✓'))
        if (names) expect(() => encodeTags(tags)).toThrow('tags must have')
        else expect(Object.fromEntries(new URLSearchParams(encodeTags(tags)))).toEqual(tags)
      }),
    )
  })
})

describe('checkMetadata', () => {
  it.each<[string, Record<string, string>]>([
    ['a name with a blank', { 'a b': 'x' }],
    ['a name with a line end', { 'a\r\nb': 'x' }],
    ['an empty name', { '': 'x' }],
    ['a value outside ASCII', { a: 'für' }],
    ['a value with a line end', { a: 'x\r\ny: z' }],
    ['a value with outer blanks', { a: ' x' }],
    ['a value that is none', { a: 7 as unknown as string }],
    ['more than 2 KB', { a: 'x'.repeat(2_048) }],
  ])('refuses %s, and shows no value', (_name, metadata) => {
    expect(() => checkMetadata(metadata)).toThrow(expect.objectContaining({ option: 'metadata' }))
    expect(() => checkMetadata({ a: 'geheim für immer' })).toThrow(
      /^metadata must have values of printable ASCII, and 'a' has not$/,
    )
  })

  it('takes 2 KB, and what the library itself writes of any name', () => {
    checkMetadata({ a: 'x'.repeat(2_047) })
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 3_000 }),
        fc.string({ maxLength: 512 }),
        (filename, mediaId) => {
          const written = {
            filename: encodeMetadata(filename),
            'media-id': encodeMetadata(mediaId),
            sha256: 'a'.repeat(64),
          }
          expect(() => checkMetadata(written)).not.toThrow()
          // Cut between characters, never within an escape.
          expect(filename.replace(/\p{Surrogate}/gu, '\ufffd').startsWith(decodeURIComponent(written.filename))).toBe(
            true,
          )
        },
      ),
    )
  })
})
