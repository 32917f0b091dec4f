import ts from 'typescript'
import { parseSource, type Sources } from './sources.js'

/** A name that a file declares at its top level, exported or not. */
export interface TopLevelName {
  name: string
  path: string
  isFunction: boolean
}

export function listTopLevelNames(sources: Sources): TopLevelName[] {
  return [...sources].flatMap(([path, text]) =>
    parseSource(path, text).statements.flatMap((statement) =>
      findNames(statement).map(({ name, isFunction }) => ({ name, path, isFunction })),
    ),
  )
}

/** The names that more than one file defines, with the files. Overloads and merged declarations of one file count once. */
export function findSharedNames(sources: Sources): Map<string, string[]> {
  const files = new Map<string, Set<string>>()
  for (const { name, path } of listTopLevelNames(sources)) files.set(name, (files.get(name) ?? new Set()).add(path))
  return new Map([...files].filter(([, paths]) => paths.size > 1).map(([name, paths]) => [name, [...paths]]))
}

function findNames(statement: ts.Statement): { name: string; isFunction: boolean }[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name, initializer }) =>
      listBoundNames(name).map((bound) => ({ name: bound, isFunction: isFunctionValue(initializer) })),
    )
  }
  if (
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement) ||
    ts.isEnumDeclaration(statement)
  ) {
    const name = statement.name?.text
    return name === undefined ? [] : [{ name, isFunction: ts.isFunctionDeclaration(statement) }]
  }
  return []
}

function listBoundNames(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text]
  return name.elements.flatMap((element) => (ts.isBindingElement(element) ? listBoundNames(element.name) : []))
}

function isFunctionValue(value: ts.Expression | undefined): boolean {
  return value !== undefined && (ts.isArrowFunction(value) || ts.isFunctionExpression(value))
}

/** A function with its length in lines, from its first word to its closing brace. Its comment does not count. */
export interface FunctionLength {
  name: string
  path: string
  lines: number
}

export function measureFunctions(sources: Sources): FunctionLength[] {
  const found: FunctionLength[] = []
  for (const [path, text] of sources) {
    const file = parseSource(path, text)
    const lineAt = (position: number): number => file.getLineAndCharacterOfPosition(position).line
    const visit = (node: ts.Node): void => {
      if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
        found.push({ name: nameFunction(node), path, lines: lineAt(node.end) - lineAt(node.getStart(file)) + 1 })
      }
      ts.forEachChild(node, visit)
    }
    visit(file)
  }
  return found
}

/** Its own name, else that of the variable or property that holds it. */
function nameFunction(node: ts.SignatureDeclaration): string {
  if (ts.isConstructorDeclaration(node)) return 'constructor'
  const { parent } = node
  const holder =
    node.name ?? (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent) ? parent.name : undefined)
  return holder?.getText() ?? '(no name)'
}

/** Lines that hold code: neither blank nor only comment. */
export function countCodeLines(text: string): number {
  const file = parseSource('counted.ts', text)
  const lines = new Set<number>()
  const visit = (node: ts.Node): void => {
    if (node.kind >= ts.SyntaxKind.FirstJSDocNode && node.kind <= ts.SyntaxKind.LastJSDocNode) return
    const children = node.getChildren(file)
    if (children.length === 0 && node.end > node.getStart(file)) {
      const first = file.getLineAndCharacterOfPosition(node.getStart(file)).line
      const last = file.getLineAndCharacterOfPosition(node.end).line
      for (let line = first; line <= last; line += 1) lines.add(line)
    }
    for (const child of children) visit(child)
  }
  visit(file)
  return lines.size
}
