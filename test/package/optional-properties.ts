import ts from 'typescript'
import { parseSource, type Sources } from './sources.js'

/** Objects that foreign code gives or takes, whose types are that code's; and the type that says "absent, or defined". */
const FOREIGN: readonly RegExp[] = [
  /^json: Defined\[…\]$/,
  /^testing\/storage-conformance\/context: init\./,
  /^http\/from-fetch: init\.body$/,
  /^storage\/r2\/binding: /,
  /^storage\/questions: init\.headers$/,
  /^storage\/s3\/sdk\/sign: options\.signingDate$/,
]

/**
 * The optional properties that do not take `undefined`: under `exactOptionalPropertyTypes`, a value that may be undefined,
 * such as one of `process.env`, does not fit them. `?: never` refuses the property as a whole.
 *
 * @returns `path: owner.property`, by the nearest name around it.
 */
export function findNarrowOptionals(sources: Sources): string[] {
  const found: string[] = []
  for (const [path, text] of sources) {
    const file = parseSource(path, text)
    const visit = (node: ts.Node, owner: string): void => {
      const name = readName(node) ?? owner
      if (isOptional(node) && !takesUndefined(node.type)) {
        found.push(`${path.replace(/\.ts$/, '')}: ${ts.isMappedTypeNode(node) ? `${owner}[…]` : `${owner}.${name}`}`)
      }
      ts.forEachChild(node, (child) => visit(child, name))
    }
    visit(file, '')
  }
  return found.filter((property) => !FOREIGN.some((foreign) => foreign.test(property)))
}

function readName(node: ts.Node): string | undefined {
  if (!('name' in node)) return undefined
  const name = node.name
  return typeof name === 'object' && name !== null && 'kind' in name && ts.isIdentifier(name as ts.Node)
    ? (name as ts.Identifier).text
    : undefined
}

function isOptional(node: ts.Node): node is ts.PropertySignature | ts.PropertyDeclaration | ts.MappedTypeNode {
  if (ts.isMappedTypeNode(node)) return node.questionToken?.kind === ts.SyntaxKind.QuestionToken
  return (ts.isPropertySignature(node) || ts.isPropertyDeclaration(node)) && node.questionToken !== undefined
}

function takesUndefined(type: ts.TypeNode | undefined): boolean {
  if (type === undefined) return false
  if (ts.isUnionTypeNode(type)) return type.types.some(takesUndefined)
  const { kind } = type
  return (
    kind === ts.SyntaxKind.UndefinedKeyword ||
    kind === ts.SyntaxKind.UnknownKeyword ||
    kind === ts.SyntaxKind.NeverKeyword
  )
}
