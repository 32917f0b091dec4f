// What all ways to upload have in common: the media as a buffer, a file and an object.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bytesAt, PIECE } from '../../media-bytes.mjs'

export const PHONE_NUMBER_ID = '106540352242922'
export const MIME_TYPE = 'application/pdf'

const buffers = new Map()
const files = new Map()

export function nameOf(size) {
  return `${size}.pdf`
}

/** Each size is made once: what a source costs before the upload is no part of it. */
export function bufferOf(size) {
  const known = buffers.get(size)
  if (known !== undefined) return known
  const buffer = Buffer.alloc(size)
  for (let at = 0; at < size; at += PIECE) bytesAt(at, size - at).copy(buffer, at)
  buffers.set(size, buffer)
  return buffer
}

/** The path of a file in temp/. */
export function fileOf(size) {
  const known = files.get(size)
  if (known !== undefined) return known
  const folder = fileURLToPath(new URL('../../../temp/bench-media/', import.meta.url))
  mkdirSync(folder, { recursive: true })
  const path = `${folder}${size}.pdf`
  const draft = `${path}.${process.pid}`
  // Others may be reading it.
  writeFileSync(draft, bufferOf(size))
  renameSync(draft, path)
  buffers.delete(size)
  files.set(size, path)
  return path
}

/** The key of the object that the store has for every size. */
export function keyOf(size) {
  return `media/${nameOf(size)}`
}
