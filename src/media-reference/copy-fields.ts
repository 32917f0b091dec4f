/** A plain copy, with the fields too that a failure's media hides from loggers: spreads leave those out. */
export function copyFields<Fields extends object>(fields: Fields): Fields {
  const entries = Object.getOwnPropertyNames(fields).map((name) => [name, Reflect.get(fields, name)] as const)
  // Every own field is there; a method is none.
  return Object.fromEntries(entries.filter(([, value]) => typeof value !== 'function')) as Fields
}
