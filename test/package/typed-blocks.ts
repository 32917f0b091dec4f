import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { ROOT } from './documents.js'

/** Code that is checked as if it were a file of this project. */
export interface VirtualFile {
  name: string
  code: string
}

/** The entry points that `package.json` exports, as files of src/. */
function listEntries(): string[] {
  const { exports }: { exports: Record<string, unknown> } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  return Object.keys(exports)
    .filter((name) => name !== './package.json')
    .map((name) => join(ROOT, 'src', `${name === '.' ? 'index' : name}.ts`))
}

/** A program of the files given, which import this library by its package name, and of all entry points. */
export function createProgram(files: readonly VirtualFile[]): ts.Program {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT)
  const host = ts.createCompilerHost(options)
  const read = host.getSourceFile.bind(host)
  const code = new Map(files.map((file) => [file.name, file.code]))
  host.getSourceFile = (name, languageOptions, ...rest) => {
    const text = code.get(name)
    return text === undefined ? read(name, languageOptions, ...rest) : ts.createSourceFile(name, text, languageOptions)
  }
  host.fileExists = (name) => code.has(name) || ts.sys.fileExists(name)
  return ts.createProgram(
    [...code.keys(), ...listEntries()],
    { ...options, noUnusedLocals: false, noPropertyAccessFromIndexSignature: false },
    host,
  )
}

/** The compiler's word on a line of a file. */
export interface Diagnosis {
  /** 1 for the first. */
  line: number
  /** TypeScript's number of the message. */
  code: number
  text: string
}

/** What is wrong with one file of a program, and where. */
export function locateTypeErrors(program: ts.Program, name: string): Diagnosis[] {
  return ts
    .getPreEmitDiagnostics(program, program.getSourceFile(name))
    .flatMap(({ file, start, code, messageText }) => {
      if (file?.fileName !== name || start === undefined) return []
      const line = file.getLineAndCharacterOfPosition(start).line + 1
      return [{ line, code, text: ts.flattenDiagnosticMessageText(messageText, '\n') }]
    })
}

/** What is wrong with one file of a program. */
export function findTypeErrors(program: ts.Program, name: string): string[] {
  return locateTypeErrors(program, name).map(({ text }) => text)
}

function findExport(program: ts.Program, name: string): ts.Symbol | undefined {
  const checker = program.getTypeChecker()
  for (const entry of listEntries()) {
    const source = program.getSourceFile(entry)
    const module = source === undefined ? undefined : checker.getSymbolAtLocation(source)
    const found =
      module === undefined ? undefined : checker.getExportsOfModule(module).find((each) => each.name === name)
    if (found !== undefined) return (found.flags & ts.SymbolFlags.Alias) === 0 ? found : checker.getAliasedSymbol(found)
  }
  return undefined
}

/** The docstring of a function's option, such as `timeouts.idleMs`, in one line; undefined without such an option. */
export function findOptionDocs(program: ts.Program, functionName: string, option: string): string | undefined {
  const checker = program.getTypeChecker()
  const symbol = findExport(program, functionName)
  const signatures = symbol === undefined ? [] : checker.getTypeOfSymbol(symbol).getCallSignatures()
  for (const signature of signatures) {
    const parameter = signature.getParameters().at(-1)
    let type = parameter === undefined ? undefined : checker.getTypeOfSymbol(parameter)
    let property: ts.Symbol | undefined
    for (const name of option.split('.')) {
      property = type === undefined ? undefined : checker.getPropertyOfType(checker.getNonNullableType(type), name)
      type = property === undefined ? undefined : checker.getTypeOfSymbol(property)
    }
    if (property !== undefined) {
      return ts.displayPartsToString(property.getDocumentationComment(checker)).replace(/\s+/g, ' ')
    }
  }
  return undefined
}

/** The `type` of each member of an exported union, such as `MediaEvent`. */
export function listTags(program: ts.Program, unionName: string): string[] {
  const checker = program.getTypeChecker()
  const symbol = findExport(program, unionName)
  const union = symbol === undefined ? undefined : checker.getDeclaredTypeOfSymbol(symbol)
  const tag = union === undefined ? undefined : checker.getPropertyOfType(union, 'type')
  const type = tag === undefined ? undefined : checker.getTypeOfSymbol(tag)
  const members = type?.isUnion() === true ? type.types : []
  return members.flatMap((member) => (member.isStringLiteral() ? [member.value] : []))
}

/** The `@example` blocks of all exported functions, by the function's name. */
export function findExamples(program: ts.Program): { name: string; code: string }[] {
  const checker = program.getTypeChecker()
  const found = new Map<string, { name: string; code: string }>()
  for (const entry of listEntries()) {
    const source = program.getSourceFile(entry)
    const module = source === undefined ? undefined : checker.getSymbolAtLocation(source)
    for (const exported of module === undefined ? [] : checker.getExportsOfModule(module)) {
      const symbol = (exported.flags & ts.SymbolFlags.Alias) === 0 ? exported : checker.getAliasedSymbol(exported)
      for (const { name, text } of symbol.getJsDocTags(checker)) {
        if (name !== 'example') continue
        const [, code = ''] = /^```ts\n(.*)^```$/ms.exec(ts.displayPartsToString(text)) ?? []
        found.set(code, { name: symbol.name, code })
      }
    }
  }
  return [...found.values()]
}

/** The code without its types: Node evaluates JavaScript alone. */
export function toJavaScript(code: string): string {
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true }
  return ts.transpileModule(code, { compilerOptions }).outputText
}
