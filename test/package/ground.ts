import ts from 'typescript'
import { parseSource, type Sources } from './sources.js'

const GROUND = /^(?:errors|timing|http)\/|^(?:json|http|runtime)\.ts$/
/** The lists of this library's errors and events stand on the ground and name what happens to media. */
const LISTS = /^(?:errors|events)\.ts$/
const FOREIGN_WORD = /whats ?app|waba|graph|facebook|webhook|s3|sqs|aws|bucket|bull/i
/** The base class of all errors bears the library's name. */
const OWN_NAME = /^(?:Any)?WhatsAppMediaError$/

/** Law 5: the ground's identifiers name neither WhatsApp nor a store. What it may import, the layers say. */
export function findForeignWords(sources: Sources): string[] {
  return [...sources]
    .filter(([path]) => GROUND.test(path) && !LISTS.test(path))
    .flatMap(([path, text]) => {
      const found = new Set<string>()
      const visit = (node: ts.Node): void => {
        if (ts.isIdentifier(node) && FOREIGN_WORD.test(node.text) && !OWN_NAME.test(node.text)) found.add(node.text)
        ts.forEachChild(node, visit)
      }
      visit(parseSource(path, text))
      return [...found].map((word) => `${path} is on the ground and speaks of ${word}`)
    })
}
