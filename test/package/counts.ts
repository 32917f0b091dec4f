import ts from 'typescript'
import { countCodeLines, listTopLevelNames } from './declarations.js'
import { LONG_BY_NATURE } from './laws.js'
import { parseSource, type Sources } from './sources.js'

/** Functions whose names the design gives, and three that read as words of the language. */
const DESIGNED_FUNCTIONS = ['configFromEnv', 'fromFetch', 'storageConformance', 'queueConformance']
const LANGUAGE = ['defined', 'abortable', 'within']

/** What a function's name may begin with: a verb, or `to`, `with`, `is`, `holds` and their like. */
const VERBS = new Set(
  `abort accept adapt add allow announce answer append apply archive ask assert attempt await begin bind blame block break build bury cache call can capture
  check choose clean clear close collect compare complete compress compute connect contradicts converse copy count create cut decide decode
  define defer delay deliver derive describe detect discard download drain drip drop emit encode end enqueue ensure escape estimate
  examine exchange expect explain extract fail fetch fill filter find finish fix flatten flip floor fold follow forget format
  gather get give group guess handle hand has hash hear hides hold holds ignore indent insert is iterate join judge keep know limit link list
  listen load locate log look looks make map mark match may measure merge move mute normalize note notify observe omit open order
  parse pass pause persist pick pipe plan poll prefer prescribe preview print probe prove publish pull push put queue quote race rate reach read
  receive record reduce refuse register reject release remember remove rename renew repeat replace report request require reset
  resolve restore resume retry return reuse run sample save scan scrub search select send serialize serve set settle shake
  shorten should show sign skip sniff sort split spool spread stamp start stop store stream strip sum summarize sweep sync take tell
  throw to track transform trim try undo unwrap update upload use validate verify wait warn watch with without wrap
  write`.split(/\s+/),
)

export function findVerbless(sources: Sources): string[] {
  return listTopLevelNames(sources)
    .filter(({ name, isFunction }) => isFunction && ![...DESIGNED_FUNCTIONS, ...LANGUAGE].includes(name))
    .filter(({ name }) => !VERBS.has(/^[a-z]+/.exec(name)?.[0] ?? ''))
    .map(({ name, path }) => `${path}: ${name}`)
}

/** What is said of one file between a webhook and a bucket. */
const MEDIA_FACTS = [
  'mediaId',
  'mediaType',
  'mimeType',
  'size',
  'sha256',
  'filename',
  'timestamp',
  'phoneNumberId',
  'downloadUrl',
  'url',
]
/** The two ends of the way: what an app gives and what it gets. */
const ENDS = ['MediaReference', 'ArchiveOptions', 'UploadOptions', 'DownloadedMedia', 'StoredMedia', 'ArchivedMedia']
const ON_THE_WAY = /^(?:media-reference|given-media|archive|archive-memory|download|upload|integrity)(?:\/|\.ts$)/

/** Interfaces, and types that spell out their fields, with three such facts or more. */
export function findMediaDescriptions(sources: Sources): string[] {
  return [...sources]
    .filter(([path]) => ON_THE_WAY.test(path))
    .flatMap(([path, text]) =>
      parseSource(path, text).statements.flatMap((statement) => {
        const members = listMembers(statement)
        const facts = members.flatMap(({ name }) => name?.getText() ?? []).filter((name) => MEDIA_FACTS.includes(name))
        const name =
          ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement) ? statement.name.text : ''
        return facts.length >= 3 && !ENDS.includes(name) ? [`${path}: ${name} (${facts.join(', ')})`] : []
      }),
    )
}

function listMembers(statement: ts.Statement): readonly ts.TypeElement[] {
  if (ts.isInterfaceDeclaration(statement)) return statement.members
  if (ts.isTypeAliasDeclaration(statement) && ts.isTypeLiteralNode(statement.type)) return statement.type.members
  return []
}

export function findMediaQuestions(sources: Sources): string[] {
  return [...sources].flatMap(([path, text]) =>
    text
      .split('\n')
      .flatMap((line, at) =>
        /typeof (?:media|given|reference) [!=]== 'string'/.test(line) ? [`${path}:${at + 1}`] : [],
      ),
  )
}

/** All lines of code but those of generated tables. */
export function countAllCode(sources: Sources): number {
  return [...sources]
    .filter(([path]) => !LONG_BY_NATURE.generated.test(path))
    .reduce((sum, [, text]) => sum + countCodeLines(text), 0)
}

/** The names that an entry exports, one by one. */
export function countExports(text: string): number {
  return parseSource('entry.ts', text).statements.reduce((sum, statement) => {
    if (!ts.isExportDeclaration(statement)) return sum
    const { exportClause } = statement
    if (exportClause === undefined || !ts.isNamedExports(exportClause))
      throw new Error(`uncounted: ${statement.getText()}`)
    return sum + exportClause.elements.length
  }, 0)
}
