// The same, but the client does not compare objects with their checksum.
import { open as openProven } from './axios.mjs'

export function open(options) {
  return openProven({ ...options, responseChecksumValidation: 'WHEN_REQUIRED' })
}
