// Counts what the laws of src/ (ARCHITECTURE.md) bound, and lists who breaks them, by file.
//   node scripts/count-names.mjs            the numbers and the lists
//   node scripts/count-names.mjs storage    the lists for paths that contain this
//   node scripts/count-names.mjs --check    the numbers alone; fails when a law is broken
import { readdirSync } from 'node:fs'
import { tsImport } from 'tsx/esm/api'

const { readSources } = await tsImport('../test/package/sources.ts', import.meta.url)
const laws = await tsImport('../test/package/laws.ts', import.meta.url)
const counts = await tsImport('../test/package/counts.ts', import.meta.url)

/** 96 % of the lines of code, by this count, when the files of src/ lay flat. */
const MOST_CODE_LINES = 14_322

const [argument = ''] = process.argv.slice(2)
const isCheck = argument === '--check'
const part = isCheck ? '' : argument
const sources = readSources()
const { share, all, shared } = laws.measureSharedNames(sources)
const ofNames = laws.findOfNames(sources)
const broken = laws.findBrokenLaws(sources)

/** A bound that is a law fails the check; one that belongs to a day's work is only printed. */
const rows = [
  { what: 'places that break law 2, 4, 5, 6 or 7', is: broken.length, most: 0, law: true },
  {
    what: `names defined in several files, of ${all}`,
    is: `${shared.size} = ${(share * 100).toFixed(1)} %`,
    most: `${laws.MOST_SHARED_NAMES * 100} %`,
    law: true,
    fails: share >= laws.MOST_SHARED_NAMES,
  },
  { what: 'functions named …Of', is: ofNames.length, most: laws.MOST_OF_NAMES, law: true },
  { what: 'functions that begin with no verb', is: counts.findVerbless(sources).length, most: 0 },
  { what: 'interfaces that describe one media item', is: counts.findMediaDescriptions(sources).length, most: 3 },
  { what: "places that ask typeof media === 'string'", is: counts.findMediaQuestions(sources).length, most: 1 },
  { what: 'lines of code', is: counts.countAllCode(sources), most: MOST_CODE_LINES },
  { what: 'entries of src/', is: readdirSync(new URL('../src/', import.meta.url)).length, most: 34 },
  { what: 'names of the root', is: counts.countExports(sources.get('index.ts')), most: 45 },
]
for (const { what, is, most, law = false, fails = Number(is) > most } of rows) {
  console.log(`${fails ? (law ? 'BROKEN' : 'over  ') : 'ok    '} ${String(is).padStart(11)}  ${what} (at most ${most})`)
}

if (!isCheck) {
  list('Broken laws', broken)
  list(
    'Names defined in several files',
    [...shared].map(([name, paths]) => `${name}: ${paths.join(', ')}`),
  )
  list('Functions named …Of', ofNames)
  list('Functions that begin with no verb', counts.findVerbless(sources))
  list('Interfaces that describe one media item, between reference and result', counts.findMediaDescriptions(sources))
  list("typeof media === 'string'", counts.findMediaQuestions(sources))
}
if (isCheck && rows.some(({ is, most, law, fails = Number(is) > most }) => law && fails)) process.exit(1)

function list(title, lines) {
  const shown = lines.filter((line) => line.includes(part))
  if (shown.length > 0) console.log(`\n${title}\n${shown.map((line) => `  ${line}`).join('\n')}`)
}
