import { defined } from '../../../json.js'

/** The part of an answer that an error tells. */
interface ErrorAnswer {
  status: number | undefined
  headers: object
}

/** An answer that is no success, in the form of the SDK's errors. */
export function toSdkError({ status, headers }: ErrorAnswer, text: string): Error {
  const [code, region] = [readElement(text, 'Code'), readElement(text, 'Region')]
  return Object.assign(new Error(readElement(text, 'Message') ?? 'UnknownError'), {
    name: code ?? 'UnknownError',
    ...defined({ Code: code, Region: region }),
    // As the SDK: a body that is no error document.
    ...(code === undefined && !/^\s*<(?:\?xml|Error)\b/.test(text) ? { $responseBodyText: text } : {}),
    $metadata: { httpStatusCode: status },
    $response: { headers },
  })
}

/** The text of an element of S3's error document (AWS: Error responses). */
function readElement(xml: string, name: string): string | undefined {
  const [, text] = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml) ?? []
  return text?.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{1,8}));/gi, decodeEntity)
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function decodeEntity(entity: string, decimal?: string, hex?: string, name?: string): string {
  if (name !== undefined) return ENTITIES[name.toLowerCase()] ?? entity
  const code = Number(decimal ?? `0x${hex}`)
  return code <= 0x10ffff ? String.fromCodePoint(code) : entity
}
