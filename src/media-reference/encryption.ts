import { describeSecret } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { isObject } from '../json.js'

/**
 * The keys of a file that WhatsApp keeps encrypted for a Flow's endpoint (Meta: Flows, Media upload). Who has them and the
 * download URL can read the file: results, failures, dead letters and logs have neither.
 */
export interface MediaEncryption {
  /** SHA-256 of the encrypted file, lowercase hex. */
  encryptedSha256: string
  /** Key of AES-256-CBC: 32 bytes in base64. */
  encryptionKey: string
  /** Initialization vector: 16 bytes in base64. */
  iv: string
  /** Key of HMAC-SHA-256: 32 bytes in base64. */
  hmacKey: string
}

const BASE64_BYTES: Readonly<Record<Exclude<keyof MediaEncryption, 'encryptedSha256'>, number>> = {
  encryptionKey: 32,
  iv: 16,
  hmacKey: 32,
}

/** No value shows: each of them is a secret, or may be one in the wrong place. @throws InvalidOptionError */
export function checkEncryption(value: unknown, option: string): asserts value is MediaEncryption {
  if (!isObject(value)) {
    throw new InvalidOptionError({ option, problem: `must be an object, got ${describeSecret(value)}` })
  }
  const { encryptedSha256 } = value
  if (typeof encryptedSha256 !== 'string' || !/^[0-9a-f]{64}$/.test(encryptedSha256)) {
    const problem = `must be 64 lowercase hex digits, got ${describeSecret(encryptedSha256)}`
    throw new InvalidOptionError({ option: `${option}.encryptedSha256`, problem })
  }
  for (const [name, bytes] of Object.entries(BASE64_BYTES)) {
    if (isBase64(value[name], bytes)) continue
    const problem = `must be ${bytes} bytes in base64, got ${describeSecret(value[name])}`
    throw new InvalidOptionError({ option: `${option}.${name}`, problem })
  }
}

/** Base64 or base64url; the padding may be left off. */
function isBase64(value: unknown, bytes: number): boolean {
  return typeof value === 'string' && /^[\w+/-]+={0,2}$/.test(value) && Buffer.from(value, 'base64').length === bytes
}

/** The fields that a file of a Flow's endpoint is fetched and opened with. */
const FLOW_FILE_FIELDS = ['encryption', 'downloadUrl', 'sha256'] as const

/** No look-up finds such a file. @throws InvalidOptionError for a reference that has lost the way to it. */
export function checkFlowFile(media: Readonly<Record<string, unknown>>, option: string): void {
  const missing = FLOW_FILE_FIELDS.find((name) => media[name] === undefined)
  if (missing === undefined) return
  const problem =
    "is missing, and no look-up finds a Flow endpoint's file: failures and dead letters have neither URL nor keys"
  throw new InvalidOptionError({ option: `${option}.${missing}`, problem })
}
