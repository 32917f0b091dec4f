// The same, but buffers become streams of large pieces, as axios and form-data do not do by themselves.
import { open as openWhole } from './axios.mjs'

export function open(options) {
  return openWhole({ ...options, isCut: true })
}
