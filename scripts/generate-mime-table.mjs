/**
 * Writes src/file-type/mime/table.ts from the installed mime-types and from the lists in scripts/mime-sources/. With
 * --check it writes nothing and fails when the file is not what they give. With --collect it first writes the lists of
 * Debian's packages anew, on a machine that has them (apt-get install shared-mime-info media-types).
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const mimeTypes = require('mime-types')
const { version } = require('mime-types/package.json')
const { version: dbVersion } = createRequire(require.resolve('mime-types'))('mime-db/package.json')

const TARGET = new URL('../src/file-type/mime/table.ts', import.meta.url)
const SOURCES = new URL('mime-sources/', import.meta.url)
const LINE_WIDTH = 119

/** Extensions go into keys and file names: letters and digits only. */
const EXTENSION = /^[a-z0-9]{1,10}$/
/** It says "unknown": the file name's extension gets its chance instead. */
const GENERIC = 'application/octet-stream'
const NAME = /^(?:application|audio|font|image|message|model|text|video)\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/
const SEEN = /^(?:audio|image|video)\//

/** The text of src/file-type/mime/table.ts. */
export function generateMimeTable() {
  const words = []
  let top = ''
  for (const [type, { usual, extensions }] of [...collectEntries()].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const slash = type.indexOf('/') + 1
    if (type.slice(0, slash) !== top) {
      top = type.slice(0, slash)
      words.push(top)
    }
    const alias = usual === undefined ? '' : `>${usual.startsWith(top) ? usual.slice(slash) : usual}`
    words.push(`${type.slice(slash)}${alias}${extensions.length > 0 ? `:${extensions.join(',')}` : ''}`)
  }
  return `${header()}export const MIME_TABLE: string = \`${wrap(words)}\`\n`
}

/** Every name with its usual type or its extensions. The first source that knows a name, or an extension, decides. */
function collectEntries() {
  const entries = new Map()
  const taken = new Map()
  const add = (type, { usual, extensions = [] }) => {
    if (entries.has(type) || type === GENERIC || (usual === undefined && extensions.length === 0)) return
    const isOwn = (extension) => (taken.get(extension) ?? type) === type
    const stands = ([first, ...others]) => [
      ...(first === undefined ? [] : [isOwn(first) ? first : `~${first}`]),
      ...others.filter(isOwn),
    ]
    const shown = stands(extensions)
    for (const extension of extensions) if (!taken.has(extension)) taken.set(extension, type)
    entries.set(type, { usual, extensions: shown })
  }
  // mime-types has the first word on what an extension stands for.
  for (const [extension, type] of Object.entries(mimeTypes.types)) taken.set(extension, type)
  for (const { type, usual, extension } of readByHand()) {
    const own = extension === undefined ? [] : [taken.get(extension) === type ? extension : `~${extension}`]
    const isNew = extension !== undefined && !taken.has(extension)
    if (isNew) taken.set(extension, type)
    entries.set(type, { usual, extensions: isNew ? [extension] : own })
  }
  for (const type of Object.keys(mimeTypes.extensions)) {
    const byHand = entries.get(type)?.extensions
    const extensions = extensionsOf(type)
    if (byHand === undefined) add(type, { extensions: extensions.map((each) => each.replace('~', '')) })
    else if (byHand.length > 0) byHand.push(...extensions.filter((each) => !byHand.includes(each)))
  }
  const { aliases, types } = readShared()
  const debian = readTypes('media-types.txt')
  // A vendor's documents come with a name, whose extension serves: leaving them out keeps the table small.
  for (const [type, extensions] of debian) if (!type.startsWith('application/vnd.')) add(type, { extensions })
  for (const [type, extensions] of types) add(type, { extensions })
  for (const [type, usual] of aliases) if (entries.has(usual)) add(type, { usual })
  return entries
}

/** First the type's own extension, then the others that stand for this type; `~` where the first stands for another. */
function extensionsOf(type) {
  const [own, ...others] = mimeTypes.extensions[type].filter((extension) => EXTENSION.test(extension))
  if (own === undefined) return []
  const standsForIt = (extension) => mimeTypes.lookup(extension) === type
  return [standsForIt(own) ? own : `~${own}`, ...others.filter(standsForIt)]
}

function readByHand() {
  return readLines('by-hand.txt').map((line) => {
    const [facts] = line.split('|')
    const [type, usual, extension] = facts.trim().split(/\s+/)
    return { type, usual: usual === '-' ? undefined : usual, extension }
  })
}

/** Lines of `name usual` are aliases, and those of `name extension ...` types. */
function readShared() {
  const lines = readLines('shared-mime-info.txt').map((line) => line.split(' '))
  return { aliases: lines.filter(([, to]) => to.includes('/')), types: readTypes('shared-mime-info.txt') }
}

function readTypes(name) {
  const lines = readLines(name).map((line) => line.split(' '))
  return lines.filter(([, to]) => !to.includes('/')).map(([type, ...extensions]) => [type, extensions])
}

function readLines(name) {
  return readFileSync(new URL(name, SOURCES), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
}

/** The first lines of a list of Debian's name its package, version and licence. */
function readTitle(name) {
  return readFileSync(new URL(name, SOURCES), 'utf8').split('\n', 1)[0].slice(2)
}

function header() {
  return `/**
 * Generated by scripts/generate-mime-table.mjs. Do not edit. Sources: mime-types ${version} (mime-db ${dbVersion}, MIT);
 * ${readTitle('media-types.txt')};
 * ${readTitle('shared-mime-info.txt')};
 * scripts/mime-sources/by-hand.txt.
 *
 * \`top/\` opens a top-level type; \`subtype:first,other\` lists a type's extension, then the other extensions that stand
 * for this type; \`~\` marks a first extension that stands for another type. \`name>usual\` is another name of a type, with
 * an extension of its own if one follows. Left out: application/octet-stream, and extensions that do not match
 * /^[a-z0-9]{1,10}$/.
 */
`
}

/** Words on lines of at most LINE_WIDTH characters; a new top-level type starts a line. */
function wrap(words) {
  const lines = []
  let line = ''
  for (const word of words) {
    if (line !== '' && (word.endsWith('/') || line.length + 1 + word.length > LINE_WIDTH)) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].join('\n')
}

/** Writes what the installed packages of Debian know: names and extensions, nothing else of theirs. */
function collectDebian() {
  const media = new Map()
  for (const line of readFileSync('/etc/mime.types', 'utf8').split('\n')) {
    const [type, ...extensions] = line.toLowerCase().trim().split(/\s+/)
    if (!line.startsWith('#')) note(media, type, extensions)
  }
  const named = new Map()
  for (const line of readFileSync('/usr/share/mime/globs2', 'utf8').split('\n')) {
    const [, type = '', extension = ''] = /^\d+:([^:]+):\*\.([^:*]+)(?::|$)/.exec(line) ?? []
    if (SEEN.test(type)) note(named, type.toLowerCase(), [extension])
  }
  const aliases = readFileSync('/usr/share/mime/aliases', 'utf8').toLowerCase().trim().split('\n').sort()
  // A sound is no video, whatever a file manager shows it as.
  const honest = aliases.filter((line) => {
    const [from, to] = line.split(' ').map((name) => SEEN.exec(name)?.[0])
    return from === undefined || to === undefined || from === to
  })
  const list = (types) =>
    [...types].sort(([a], [b]) => (a < b ? -1 : 1)).map(([type, names]) => [type, ...names].join(' '))
  writeList('media-types', 'public domain', list(media))
  writeList('shared-mime-info', 'GPL-2.0-or-later; of it only names and extensions', [...list(named), ...honest])
}

function note(types, type, extensions) {
  const fit = extensions.filter((extension) => EXTENSION.test(extension))
  if (NAME.test(type) && fit.length > 0) types.set(type, [...new Set([...(types.get(type) ?? []), ...fit])])
}

function writeList(name, licence, lines) {
  const installed = execFileSync('dpkg-query', ['-W', '-f', `\${Version}`, name], { encoding: 'utf8' })
  writeFileSync(new URL(`${name}.txt`, SOURCES), `# Debian ${name} ${installed} (${licence})\n${lines.join('\n')}\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--collect')) collectDebian()
  const text = generateMimeTable()
  if (!process.argv.includes('--check')) {
    writeFileSync(TARGET, text)
  } else if (readFileSync(TARGET, 'utf8') !== text) {
    console.error('src/file-type/mime/table.ts is not what its sources give: run npm run generate:mime')
    process.exitCode = 1
  }
}
