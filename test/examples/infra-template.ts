import { readFileSync } from 'node:fs'
import { type CollectionTag, parse, type ScalarTag } from 'yaml'
import { isObject } from '../../src/json.js'

/** A CloudFormation template, as far as the tests look into it. */
export interface Template {
  Parameters: Record<string, { Type: string; Default?: unknown; AllowedPattern?: string; Description?: string }>
  Conditions: Record<string, unknown>
  Resources: Record<
    string,
    { Type: string; Properties: Record<string, unknown>; DeletionPolicy?: string; UpdateReplacePolicy?: string }
  >
  Outputs: Record<string, { Value: unknown }>
}

const { pathname: path } = new URL('../../examples/infra/template.yaml', import.meta.url)

/** The template's text. */
export const templateText: string = readFileSync(path, 'utf8')

/** `!Ref x` as `{ Ref: x }`, `!Sub x` as `{ 'Fn::Sub': x }` (AWS: Intrinsic function reference). */
const FUNCTIONS = ['Ref', 'Condition', 'Sub', 'GetAtt', 'If', 'Not', 'Equals', 'Join', 'And', 'Or']

function longName(name: string): string {
  return name === 'Ref' || name === 'Condition' ? name : `Fn::${name}`
}

export function readTemplate(text: string = templateText): Template {
  const tags = FUNCTIONS.flatMap((name): (ScalarTag | CollectionTag)[] => [
    {
      tag: `!${name}`,
      resolve: (value: string) => ({ [longName(name)]: name === 'GetAtt' ? value.split('.') : value }),
    },
    { tag: `!${name}`, collection: 'seq', resolve: (seq) => ({ [longName(name)]: seq }) },
  ])
  // Collections come as nodes of the parser; JSON makes them plain.
  const template: Template = JSON.parse(JSON.stringify(parse(text, { customTags: tags, logLevel: 'error' })))
  return template
}

/** Calls `visit` for every function in the template, with its name and its argument. */
export function visitFunctions(value: unknown, visit: (name: string, argument: unknown) => void): void {
  if (Array.isArray(value)) for (const each of value) visitFunctions(each, visit)
  if (!isObject(value)) return
  for (const [name, inner] of Object.entries(value)) {
    if (name === 'Ref' || name.startsWith('Fn::')) visit(name, inner)
    visitFunctions(inner, visit)
  }
}

/** The variables of a `!Sub`. */
export function variablesOf(text: unknown): string[] {
  return [...String(text).matchAll(/\$\{([^!}][^}]*)\}/g)].map(([, name = '']) => name)
}

const NO_VALUE = Symbol('AWS::NoValue')

/** What CloudFormation makes of the template with these parameters; resources are known by `Name` and `Name.Attribute`. */
export function resolveTemplate(
  template: Template,
  options: { parameters?: Record<string, string | string[]>; resources?: Record<string, string> } = {},
): Template {
  const { parameters = {}, resources = {} } = options
  const lookUp = (name: string): unknown => {
    if (name === 'AWS::NoValue') return NO_VALUE
    if (name in parameters) return parameters[name]
    const parameter = template.Parameters[name]
    if (parameter === undefined) return resources[name] ?? name
    return parameter.Type === 'CommaDelimitedList' ? String(parameter.Default).split(',') : String(parameter.Default)
  }
  const isTrue = (name: string): boolean => resolve(template.Conditions[name]) === true
  const call = (name: string, argument: unknown): unknown => {
    if (name === 'Ref') return lookUp(String(argument))
    if (name === 'Fn::Sub') return String(argument).replaceAll(/\$\{([^}]+)\}/g, (_, inner) => String(lookUp(inner)))
    const list = Array.isArray(argument) ? argument : []
    if (name === 'Fn::GetAtt') return lookUp(list.join('.'))
    if (name === 'Fn::If') return resolve(isTrue(String(list[0])) ? list[1] : list[2])
    const resolved = list.map(resolve)
    if (name === 'Fn::Not') return resolved[0] !== true
    if (name === 'Fn::Equals') return resolved[0] === resolved[1]
    if (name === 'Fn::Join') return [resolved[1]].flat().join(String(resolved[0]))
    throw new Error(`the template uses ${name}, which this test does not know`)
  }
  const resolve = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(resolve).filter((each) => each !== NO_VALUE)
    if (!isObject(value)) return value
    const entries = Object.entries(value)
    const [[name, argument] = ['', undefined]] = entries
    if (entries.length === 1 && (name === 'Ref' || name.startsWith('Fn::'))) return call(name, argument)
    const resolved = entries.map(([key, inner]) => [key, resolve(inner)] as const)
    return Object.fromEntries(resolved.filter(([, inner]) => inner !== NO_VALUE))
  }
  const resolved = resolve({ Resources: template.Resources, Outputs: template.Outputs })
  return { ...template, ...Object(resolved) }
}
