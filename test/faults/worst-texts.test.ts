import { readGraphRetryAfter } from '../../src/download/graph-error.js'
import { checkOptions } from '../../src/errors/check-options.js'
import { checkHeader, checkOneOf, checkRegion, checkUrl } from '../../src/errors/checks.js'
import { cleanId, cleanKey, describeHost, describeId, describeValue } from '../../src/errors/describe.js'
import { removeKnownSecrets } from '../../src/errors/known-secrets.js'
import { cleanServerText, cleanWords, hasFileName, hasSecret, isClean, isSecretId } from '../../src/errors/redaction.js'
import { cleanThrown, isName, readErrorName } from '../../src/errors/thrown.js'
import { DownloadFailedError } from '../../src/errors.js'
import { showId, showTypeName, showWord } from '../../src/events.js'
import { contradicts } from '../../src/file-type/contradicts.js'
import { buildContentDisposition, buildFilename, cleanFilename, encodeMetadata } from '../../src/file-type/filename.js'
import { findContentType, findExtension, getMediaTypeFromMime, readEssence } from '../../src/file-type/mime.js'
import { sniff } from '../../src/file-type/sniff.js'
import { readRetryAfter } from '../../src/http/retry-after.js'
import { parseSha256, parseTimestamp, parseWhole } from '../../src/json.js'
import { parseMediaKey } from '../../src/key.js'
import { createMediaFailure } from '../../src/media-archive/media-failure.js'
import { redactMedia } from '../../src/media-archive/redact-media.js'
import { parseTime } from '../../src/media-reference/parse-time.js'
import { checkMediaId } from '../../src/media-reference.js'
import { findNames } from '../../src/storage/s3/object.js'
import { checkObjectKey } from '../../src/storage.js'
import { describeForm, hasBlanks } from '../../src/webhook/describe-form.js'
import { extractMedia } from '../../src/webhook/extract.js'
import { shakeHands } from '../../src/webhook/handshake.js'
import { parseDownloadUrlExpiry } from '../../src/webhook/payload.js'
import { readMessages } from '../../src/webhook/read-messages.js'
import { parseHeader, verifySignature } from '../../src/webhook/signature.js'
import { reference } from '../whole-reference.js'
import { LENGTH, testReaders } from './worst-texts.js'

const SECRET = 'secret-of-some-length'
const FORGED = `sha256=${'0'.repeat(64)}`
const HANDSHAKE = { verifyToken: 'test-verify-token', appSecret: ['test_app_secret'] }

function buildWebhook(message: object): object {
  const found = { from: '1', id: 'w', timestamp: '1700000000', type: 'document', ...message }
  const value = { metadata: { phone_number_id: '1', display_phone_number: '1' }, messages: [found] }
  return { object: 'whatsapp_business_account', entry: [{ id: '1', changes: [{ field: 'messages', value }] }] }
}

/** What reads text that strangers, servers or files choose. */
testReaders({
  'a secret that a server may repeat': (text) => removeKnownSecrets('a text of some server', [text]),
  'a text that may repeat a secret': (text) => removeKnownSecrets(text, [SECRET]),
  'a text and a secret that are alike': (text) => removeKnownSecrets(text, [`${text.slice(0, LENGTH / 2)}zz`]),
  cleanServerText,
  cleanWords,
  isClean,
  hasFileName,
  hasSecret,
  isSecretId,
  isName,
  describeValue,
  describeHost,
  describeId,
  cleanId,
  cleanKey,
  'an error': (text) => new DownloadFailedError({ host: text, problem: text, cause: new Error(text) }),
  'the name of an error': (text) => readErrorName(Object.assign(new Error(text), { code: text, name: text })),
  'an error of an SDK': (text) => cleanThrown(Object.assign(new Error(text), { code: text }), [SECRET]),
  'a failure': (text) => {
    const media = { ...reference, mediaId: text, timestamp: text, phoneNumberId: text, messageId: text }
    return JSON.stringify(createMediaFailure(media, { error: new DownloadFailedError({ host: 'a', problem: 'b' }) }))
  },
  redactMedia: (text) => redactMedia({ ...reference, mediaId: text, unknownType: text, messageId: text }),
  showId,
  showWord,
  showTypeName,
  cleanFilename: (text) => cleanFilename(text, { extension: 'pdf' }),
  buildContentDisposition: (text) => buildContentDisposition('inline', text),
  buildFilename: (text) => buildFilename({ mediaType: 'image', id: text, extension: 'jpg', timestamp: text }),
  encodeMetadata: (text) => encodeMetadata(text),
  findNames: (text) =>
    findNames({
      size: 1,
      sha256: 'a',
      contentDisposition: `inline; filename="${text}`,
      contentType: 'a/b',
      ifAbsent: true,
    }),
  getMediaTypeFromMime,
  readEssence: (text) => [readEssence(text), readEssence(`a/b${text}`)],
  findExtension,
  findContentType,
  contradicts: (text) => contradicts(text, text),
  sniff: (text) => sniff(Buffer.from(text)),
  parseSha256,
  parseTimestamp,
  parseWhole,
  parseTime: (text) => parseTime('timestamp', text),
  checkMediaId: (text) => checkMediaId(text),
  checkObjectKey: (text) => checkObjectKey(text),
  parseMediaKey: (text) => parseMediaKey(text),
  parseDownloadUrlExpiry: (text) => parseDownloadUrlExpiry(`https://a.b/?${text}`),
  parseHeader,
  describeForm,
  hasBlanks,
  'a refused body': (text) => verifySignature(text, FORGED, { appSecret: 'a' }),
  'a refused body that is examined': (text) =>
    verifySignature(`{"a":"${text.slice(0, 65_000)}"}`, FORGED, { appSecret: 'a' }),
  'the query of a handshake': (text) => shakeHands(text, HANDSHAKE),
  'the token of a handshake': (text) =>
    shakeHands(
      `hub.mode=subscribe&hub.verify_token=${new URLSearchParams({ text }).toString().slice(5)}&hub.challenge=${new URLSearchParams({ text }).toString().slice(5)}`,
      HANDSHAKE,
    ),
  'the media of a webhook': (text) => {
    const document = {
      id: text,
      mime_type: text,
      filename: text,
      caption: text,
      sha256: text,
      url: `https://a.b/?${text}`,
    }
    return extractMedia(buildWebhook({ id: text, from: text, timestamp: text, document }))
  },
  'the type of a message': (text) => extractMedia(buildWebhook({ type: text, [text]: { id: '1', mime_type: 'a/b' } })),
  'the answer to a Flow': (text) =>
    extractMedia(
      buildWebhook({ type: 'interactive', interactive: { type: 'nfm_reply', nfm_reply: { response_json: text } } }),
    ),
  'the text of a message': (text) => readMessages(buildWebhook({ type: 'text', text: { body: text } })),
  readRetryAfter,
  'the usage of an account': (text) => readGraphRetryAfter({ 'x-business-use-case-usage': text, 'retry-after': text }),
  checkOneOf: (text) => checkOneOf('a', text, ['image', 'video']),
  checkUrl: (text) => checkUrl('a', text),
  checkRegion: (text) => checkRegion('a', text),
  checkHeader: (text) => checkHeader('a', text),
  checkOptions: (text) => checkOptions({ [text]: 1 }, { bucket: true }),
})
