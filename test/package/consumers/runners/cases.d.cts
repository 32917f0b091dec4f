declare function createCases(entries: object): [name: string, run: () => Promise<void>][]
export = createCases
